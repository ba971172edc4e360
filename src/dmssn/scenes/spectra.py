"""The measured spectra that materials and lights are made of, on one grid, and who may use them.

Letters: G points of the wavelength grid.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from dmssn.scenes import libraries
from dmssn.scenes.libraries import Measured

Spectrum = NDArray[np.float64]

GRID_NM: NDArray[np.float64] = np.arange(400.0, 2451.0, 5.0)
"""Wavelengths on which reflectance and light are kept, shape (G,)."""
SECOND_RADIATION_NM_K = 1.438776877e7
"""hc/k of Planck's law in nm K (CODATA 2018)."""
SUN_K = 5772.0
"""Effective temperature of the sun (IAU 2015, resolution B3)."""
DARKEST = 0.002
"""Least reflectance: what measures as less, or as less than none, is noise of the instrument."""
FAINTEST = 0.005
"""Least power of a light, as a share of its mean over the visible."""
FALL_NM = 40.0
"""Beyond its table a lamp that does not glow falls by a factor of e in this many nanometres. Our
own choice: the tables end, and what such lamps send out in the infrared is little."""
COPY_ANGLE, COPY_LEVEL = 0.002, 0.02
"""Spectra this near in angle (radians) and in log brightness count as one measurement."""
FROZEN = Path(__file__).with_name("spectra_v1.npz")
"""The spectra of benchmark v1; ``recipes/freeze_spectra.py`` wrote it and tells what is in it."""


@dataclass(frozen=True, eq=False)
class Spectra:
    """Measured spectra.

    Attributes:
        reflectance: By class, each of shape (number, G), in (0, 1].
        illuminants: By kind, each of shape (number, G), above 0, with a mean of 1 over 400-700 nm.
    """

    reflectance: dict[str, NDArray[np.float64]]
    illuminants: dict[str, NDArray[np.float64]]


Stream = Literal["train", "v1"]
STREAMS: tuple[Stream, ...] = get_args(Stream)
"""Scenes to train on, and the benchmarks."""


@cache
def spectra_of(stream: Stream) -> Spectra:
    """What the scenes of a stream are made of; streams share no spectrum.

    Those of a benchmark come with the package, so that no release of a library changes them.

    Raises:
        ModuleNotFoundError: For training, a library of the extra ``scenes`` is not installed.
    """
    frozen = _frozen()
    if stream != "train":
        return frozen
    reflectance, illuminants = library_spectra(for_benchmarks=False)
    return Spectra(
        gathered(_without_copies(reflectance, frozen.reflectance)),
        gathered(_without_copies(illuminants, frozen.illuminants)),
    )


def library_spectra(*, for_benchmarks: bool) -> tuple[list[Measured], list[Measured]]:
    """Reflectance and illuminants of the installed libraries on the grid, those of one side.

    The name alone decides the side: what a later release of a library adds cannot move a spectrum
    from one to the other. A fifth goes to the benchmarks.

    Raises:
        ModuleNotFoundError: A library of the extra ``scenes`` is not installed.
    """
    libraries.require_libraries()

    def side(spectra: Iterable[Measured]) -> list[Measured]:
        return [one for one in spectra if is_for_benchmarks(one.name) == for_benchmarks]

    reflectance = side(chain(libraries.materials(), libraries.charts()))
    illuminants = side(libraries.lights())
    return [_material(one) for one in reflectance], [_light(one) for one in illuminants]


def is_for_benchmarks(name: str) -> bool:
    """Whether the spectrum of this name belongs to the benchmarks, not to training."""
    return zlib.crc32(name.encode()) % 5 == 0


def gathered(spectra: Iterable[Measured]) -> dict[str, NDArray[np.float64]]:
    """By class or kind, in the order of its name, shape (number, G) each."""
    groups: dict[str, list[Spectrum]] = {}
    for one in spectra:
        groups.setdefault(one.group, []).append(one.values)
    return {group: np.stack(groups[group]) for group in sorted(groups)}


def black_body(temperature: float) -> Spectrum:
    """Planck's law at a temperature in kelvin, scaled to a mean of 1 over 400-700 nm."""
    power = GRID_NM**-5.0 / np.expm1(SECOND_RADIATION_NM_K / (GRID_NM * temperature))
    return _scaled(power)


def _frozen() -> Spectra:
    reflectance, illuminants = {}, {}
    with np.load(FROZEN, allow_pickle=False) as arrays:
        for name in sorted(arrays.files):
            part, group = name.split("/")
            if part == "reflectance":  # 65535 times reflectance, at every second point of the grid
                coarse = arrays[name] / 65535.0
                reflectance[group] = np.repeat(coarse, 2, axis=1)[:, :-1]
                reflectance[group][:, 1::2] = (coarse[:, 1:] + coarse[:, :-1]) / 2
            elif part == "illuminants":
                illuminants[group] = arrays[name].astype(np.float64)
    return Spectra(reflectance, illuminants)


def _material(measured: Measured) -> Measured:
    """On the grid: a line across what is missing, the last value beyond the end of a chart."""
    values = np.interp(GRID_NM, measured.wavelengths_nm, measured.values)
    return measured._replace(wavelengths_nm=GRID_NM, values=np.clip(values, DARKEST, 1))


def _light(measured: Measured) -> Measured:
    """On the grid, and on to the infrared.

    What glows goes on as a black body: the sun as itself (without the air, which `light.sunlight`
    adds), a filament at the temperature that the last 100 nm of its table tell. Other lamps fade.
    """
    power = _scaled(np.interp(GRID_NM, measured.wavelengths_nm, measured.values))
    last = int(np.searchsorted(GRID_NM, measured.wavelengths_nm[-1], side="right")) - 1
    if measured.group == "daylight":
        beyond = black_body(SUN_K)
    elif measured.group == "incandescent":
        beyond = _filament(power[last - 20 : last + 1], last)
    else:
        beyond = np.exp(-GRID_NM / FALL_NM)
    power[last:] = power[last] * beyond[last:] / beyond[last]
    return measured._replace(wavelengths_nm=GRID_NM, values=_scaled(np.maximum(power, FAINTEST)))


def _filament(end: Spectrum, last: int) -> Spectrum:
    """The black body whose shape comes nearest to the end of a table, up to grid point ``last``."""
    glows = [black_body(float(kelvin)) for kelvin in range(2000, 4000, 10)]
    window = slice(last + 1 - end.size, last + 1)
    return min(glows, key=lambda glow: float(np.log(end / glow[window]).std()))


def _scaled(power: Spectrum) -> Spectrum:
    return np.asarray(power / power[GRID_NM <= 700].mean())


def _without_copies(
    spectra: list[Measured], frozen: dict[str, NDArray[np.float64]]
) -> list[Measured]:
    """Leave out what the benchmarks hold too, measured again or under another name."""
    values, theirs = np.stack([one.values for one in spectra]), np.concatenate([*frozen.values()])
    unit, their_unit = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (values, theirs))
    level, their_level = np.log(values.mean(axis=1)), np.log(theirs.mean(axis=1))
    alike = unit @ their_unit.T > np.cos(COPY_ANGLE)
    alike &= np.abs(level[:, None] - their_level) < COPY_LEVEL
    return [one for one, copied in zip(spectra, alike.any(axis=1), strict=True) if not copied]
