"""Measured spectra as their libraries give them, at steps and over ranges of their own.

Materials come from earthlib, colour charts and lamps from colour-science. Only canopies are
simulated (PROSAIL), and daylight is the CIE's D series, which sums up measurements.
"""

import csv
import re
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MERGED = {"driveway": "sidewalk", "glass": "other", "manhole": "metal", "mixed": "gravel"}
"""Classes of earthlib with too few spectra to be split, and the nearest one to them."""
LAMPS = {
    "incandescent": r"A|Incandescent|60 A/W.*|Neodimium.*|ISO 7589 (Studio Tungsten|Photoflood)",
    "fluorescent": r"FL\d.*|F\d\d.*|T8 .*|Philips TL-84|Thorn.*|Natural|.* FL",
    "led": r"LED-.*|\d-LED.*|PHOS-.*|Phosphor LED.*|Luxeon.*",
    "discharge": r"HP\d|HPS|Super HPS|.*\(HPS\)|SDW.*|Mercury|H38.*|Metal Halide|MHC.*",
}
"""Kinds of lamp, and the names that colour-science has for them. Left out are copies (SA, SC), what
is no lamp (E, the sensitometric ones), and the low-pressure sodium lamp, which is a single line."""
DAYLIGHT_K = range(4000, 8001, 200)
"""Correlated colour temperatures of daylight, from a low sun to open shade."""


class Measured(NamedTuple):
    """One spectrum.

    Attributes:
        group: Class of the material, or kind of light.
        name: What the library calls it; not always unique.
        wavelengths_nm: Increasing, shape (n,).
        values: Reflectance in [0, 1], or power in any unit, shape (n,).
    """

    group: str
    name: str
    wavelengths_nm: NDArray[np.float64]
    values: NDArray[np.float64]


def require_libraries() -> None:
    """Check that both libraries are there.

    Raises:
        ModuleNotFoundError: One is not, with how to install it.
    """
    for module, name in (("earthlib", "earthlib"), ("colour", "colour-science")):
        if find_spec(module) is None:
            raise ModuleNotFoundError(
                f"generated scenes need the spectra of {name}; pip install 'dmssn[scenes]'"
            )


def materials() -> Iterator[Measured]:
    """Reflectance of earthlib's materials, 400-2450 nm, by their classes.

    Left out by the library are the bands where air is opaque, 1360-1450 and 1800-1950 nm.
    """
    import spectral.io.envi

    found = find_spec("earthlib")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent / "data"
    file = spectral.io.envi.open(str(folder / "spectra.sli.hdr"), str(folder / "spectra.sli"))
    wavelengths_nm = np.asarray(file.bands.centers, dtype=float) * 1000
    with (folder / "spectra.csv").open(newline="", encoding="utf-8") as rows:
        for row, values in zip(csv.DictReader(rows), file.spectra, strict=True):
            group = MERGED.get(row["LEVEL_3"], row["LEVEL_3"])
            yield Measured(group, row["NAME"], wavelengths_nm, np.asarray(values, dtype=float))


def charts() -> Iterator[Measured]:
    """Reflectance of the paints of colour charts, class ``chart``; from 360-400 to 700-830 nm."""
    colour = _colour()
    quality = colour.quality
    checkers = colour.SDS_COLOURCHECKERS  # "ISO 17321-1" is the table of "ColorChecker N Ohta"
    for paints in (
        checkers["ColorChecker N Ohta"],
        checkers["BabelColor Average"],
        checkers["PMC"],
        quality.SDS_TCS["CIE 2024"],
        quality.SDS_VS["NIST CQS 7.4"],
        quality.SDS_VS["NIST CQS 9.0"],
    ):
        for name, paint in paints.items():
            yield Measured("chart", name, paint.wavelengths, paint.values)


def lights() -> Iterator[Measured]:
    """Power of daylight and of lamps, by kind; from 300-400 to 690-830 nm."""
    colour = _colour()
    for name, light in {**colour.SDS_ILLUMINANTS, **colour.SDS_LIGHT_SOURCES}.items():
        for kind, pattern in LAMPS.items():
            if re.fullmatch(pattern, name):
                yield Measured(kind, name, light.wavelengths, light.values)
    for kelvin in DAYLIGHT_K:
        xy = colour.temperature.CCT_to_xy_CIE_D(kelvin)
        light = colour.sd_CIE_illuminant_D_series(xy)
        yield Measured("daylight", f"D{kelvin}", light.wavelengths, light.values)


def _colour() -> Any:  # noqa: ANN401
    """colour-science; loading it takes a second, and it warns of plotting libraries it lacks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import colour
        import colour.quality
    return colour
