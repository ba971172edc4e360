"""Scenes kept as the few numbers they are drawn from, and drawn again when they are needed.

A kept scene is a text of JSON: ``format``; ``request``, which decides the scene; ``spectra``, a
checksum of those it is made of; ``cube`` and ``salient``, which tell what comes of it without
drawing it; ``scene``, what was drawn and measured.
"""

import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dmssn.config import SCENE_BANDS, SCENE_SIDES
from dmssn.scenes.attributes import ATTRIBUTES
from dmssn.scenes.composing import MOST_GLARE, Scene, generate_scene
from dmssn.scenes.sensor import BITS
from dmssn.scenes.spectra import GRID_NM, STREAMS, Stream, spectra_of
from dmssn.scenes.staging import KINDS

FORMAT = 3
"""Counts up when the same request gives another scene."""
SALIENT_CHANGE = 0.001
"""A scene drawn again has as many salient pixels as before, up to this share or two of them. A
benchmark's mask must be the same, since scores are compared; here the mask is a file already, and
a pixel that another processor rounds to the other side of an outline is no reason to lose a cube.
"""


@dataclass(frozen=True, kw_only=True)
class SceneRequest:
    """All that decides a scene; the fields are arguments of ``generate_scene``."""

    seed: int
    height: int
    width: int
    bands: int | None = None
    most_bands: int | None = None
    wavelength_range_nm: tuple[float, float] | None = None
    attributes: tuple[str, ...] = ()
    stream: Stream = "train"
    bits: int | None = None
    background: str | None = None
    glare: float = 0.0

    def draw(self, name: str | None = None) -> Scene:
        """Make the scene.

        Raises:
            ValueError: As ``generate_scene``.
            ModuleNotFoundError: Likewise.
        """
        # One thread: the last bits of a matrix product depend on how many share it.
        with threadpool_limits(1, user_api="blas"):
            return generate_scene(**vars(self), name=name)


@dataclass(frozen=True, kw_only=True)
class KeptScene:
    """A scene that is not drawn yet, and what is known of it.

    Attributes:
        request: What it is drawn from.
        spectra: Checksum of the measured spectra it is made of.
        shape: (H, W, B) of its cube.
        dtype: Type that holds its numbers: uint16 for counts, else float32.
        range_nm: First and last band centre; the bands are evenly spaced.
        salient: Number of salient pixels.
        about: What was drawn and measured.
    """

    request: SceneRequest
    spectra: int
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    range_nm: tuple[float, float]
    salient: int
    about: dict[str, Any]

    @classmethod
    def of(cls, scene: Scene, request: SceneRequest, about: dict[str, Any]) -> Self:
        """What to keep of a scene that was drawn."""
        first, last = scene.cube.wavelengths_nm[[0, -1]].tolist()  # type: ignore[index]
        return cls(
            request=request,
            spectra=spectra_checksum(request.stream),
            shape=scene.cube.shape,
            dtype=stored_type(scene),
            range_nm=(first, last),
            salient=int(np.count_nonzero(scene.mask)),
            about=about,
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what ``to_json`` wrote.

        Raises:
            ValueError: It is something else, or of another version of the program.
        """
        try:
            table = json.loads(text, parse_constant=_refuse)
            found = _whole(table["format"], 1, 2**31)
            if found == FORMAT:
                request, cube = _request(table["request"]), table["cube"]
                height, width, bands = cube["shape"]
                least = request.bands or SCENE_BANDS[0]
                most = request.bands or request.most_bands or SCENE_BANDS[1]
                return cls(
                    request=request,
                    spectra=_whole(table["spectra"], 0, 2**32 - 1),
                    shape=(
                        _whole(height, request.height, request.height),
                        _whole(width, request.width, request.width),
                        _whole(bands, least, most),
                    ),
                    dtype=np.dtype(_one_of(cube["dtype"], ["uint16", "float32"])),
                    range_nm=_span(cube["range_nm"]),
                    salient=_whole(table["salient"], 1, height * width),
                    about=_table(table["scene"]),
                )
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise ValueError("is damaged, or no generated scene, whatever its name") from None
        raise ValueError(
            f"this version of dmssn draws other scenes (format {FORMAT}, the file has {found}); "
            "generate it again with `dmssn scenes`"
        )

    def to_json(self) -> str:
        """As a text below 1 KB, which ``from_json`` reads."""
        table = {
            "format": FORMAT,
            "request": _told(self.request),
            "spectra": self.spectra,
            "cube": {
                "shape": self.shape,
                "dtype": self.dtype.name,
                "range_nm": self.range_nm,
            },
            "salient": self.salient,
            "scene": self.about,
        }
        return json.dumps(table) + "\n"

    @property
    def wavelengths_nm(self) -> NDArray[np.float64]:
        """Band centres, shape (B,)."""
        return np.linspace(*self.range_nm, self.shape[2])

    def numbers(self) -> NDArray[Any]:
        """Draw the scene; the numbers of its cube, of ``shape`` and ``dtype``.

        Raises:
            ValueError: Another scene comes of it, or none.
            ModuleNotFoundError: The extra ``scenes`` is not installed.
        """
        again = "generate it again with `dmssn scenes`"
        if spectra_checksum(self.request.stream) != self.spectra:
            raise ValueError(f"it was made of the spectra of another release of a library; {again}")
        scene = self.request.draw()
        off = abs(int(np.count_nonzero(scene.mask)) - self.salient)
        if (
            scene.cube.shape != self.shape
            or stored_type(scene) != self.dtype
            or not np.allclose(scene.cube.wavelengths_nm, self.wavelengths_nm)  # type: ignore[arg-type]
            or off > max(SALIENT_CHANGE * self.salient, 2)
        ):
            raise ValueError(
                f"another scene comes of its seed with these versions of NumPy and SciPy; {again}"
            )
        return scene.cube.data.astype(self.dtype)


def _told(request: SceneRequest) -> dict[str, Any]:
    """A request for JSON; a background that was left to chance, or no glare, is not told."""
    table = asdict(request)
    for name, usual in (("background", None), ("glare", 0.0)):
        if table[name] == usual:
            del table[name]
    return table


def _request(value: Any) -> SceneRequest:  # noqa: ANN401
    """A request as JSON has it; an error of some kind unless each of its fields can be."""
    table = _table(value)
    bands, most, bits = table["bands"], table["most_bands"], table["bits"]
    span, attributes = table["wavelength_range_nm"], table["attributes"]
    if type(attributes) is not list:
        raise ValueError
    read = {
        "seed": _whole(table["seed"], 0, 2**64 - 1),
        "height": _whole(table["height"], *SCENE_SIDES),
        "width": _whole(table["width"], *SCENE_SIDES),
        "bands": None if bands is None else _whole(bands, *SCENE_BANDS),
        "most_bands": None if most is None else _whole(most, 20, SCENE_BANDS[1]),
        "wavelength_range_nm": None if span is None else _span(span),
        "attributes": tuple(_one_of(code, ATTRIBUTES) for code in attributes),
        "stream": _one_of(table["stream"], STREAMS),
        "bits": None if bits is None else _whole(bits, min(BITS), max(BITS)),
    }
    if "background" in table:
        read["background"] = _one_of(table["background"], KINDS)
    if "glare" in table:
        read["glare"] = _share(table["glare"])
    return SceneRequest(**table | read)


def _refuse(_: str) -> None:
    raise ValueError


def _table(value: Any) -> dict[str, Any]:  # noqa: ANN401
    if type(value) is not dict:
        raise ValueError
    return value


def _whole(value: Any, low: int, high: int) -> int:  # noqa: ANN401
    if type(value) is not int or not low <= value <= high:  # True is an int to isinstance
        raise ValueError
    return value


def _share(value: Any) -> float:  # noqa: ANN401
    if type(value) is not float or not 0 < value <= MOST_GLARE:
        raise ValueError
    return value


def _one_of(value: Any, known: Iterable[str]) -> Any:  # noqa: ANN401
    if value not in tuple(known):  # which takes a list too, and does not hash it
        raise ValueError
    return value


def _span(value: Any) -> tuple[float, float]:  # noqa: ANN401
    """First and last band centre."""
    low, high = value
    if type(low) not in (int, float) or type(high) not in (int, float):
        raise ValueError
    if not GRID_NM[0] <= low < high <= GRID_NM[-1]:
        raise ValueError
    return float(low), float(high)


@cache
def spectra_checksum(stream: Stream) -> int:
    """A checksum of what the scenes of a stream are made of; it ignores rounding.

    Raises:
        ModuleNotFoundError: The extra ``scenes`` is not installed.
    """
    spectra = spectra_of(stream)
    told = [
        (name, values.shape, round(float(values.sum()), 3))
        for groups in (spectra.reflectance, spectra.illuminants)
        for name, values in sorted(groups.items())
    ]
    return zlib.crc32(repr(told).encode())


def stored_type(scene: Scene) -> np.dtype[Any]:
    """The type that holds the numbers of a scene's cube: uint16 for counts, else float32."""
    return np.dtype(np.uint16 if scene.facts["numbers"] == "counts" else np.float32)
