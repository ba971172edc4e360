"""Scenes kept as the few numbers they are drawn from, and drawn again when they are needed.

A kept scene is a text of JSON: ``format``; ``request``, which decides the scene; ``spectra``, a
checksum of those it is made of; ``cube`` and ``salient``, which tell what comes of it without
drawing it; ``scene``, what was drawn and measured.
"""

import json
import zlib
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dmssn.scenes.composing import Scene, generate_scene
from dmssn.scenes.spectra import Stream, spectra_of

FORMAT = 2
"""Counts up when the same request gives another scene."""
SALIENT_CHANGE = 0.01
"""A scene drawn again has as many salient pixels as before, up to this share: on another processor
the rounding of a pixel on an outline may differ."""


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
            table = json.loads(text)
            found = table["format"]
            if found == FORMAT:
                request, cube = table["request"], table["cube"]
                span = request["wavelength_range_nm"]
                request |= {
                    "wavelength_range_nm": span and tuple(span),
                    "attributes": tuple(request["attributes"]),
                }
                height, width, bands = map(int, cube["shape"])
                first, last = map(float, cube["range_nm"])
                return cls(
                    request=SceneRequest(**request),
                    spectra=int(table["spectra"]),
                    shape=(height, width, bands),
                    dtype=np.dtype(cube["dtype"]),
                    range_nm=(first, last),
                    salient=int(table["salient"]),
                    about=dict(table["scene"]),
                )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError("is damaged, or no generated scene, whatever its name") from None
        raise ValueError(
            f"this version of dmssn draws other scenes (format {FORMAT}, the file has {found}); "
            "generate it again with `dmssn scenes`"
        )

    def to_json(self) -> str:
        """As a text below 1 KB, which ``from_json`` reads."""
        table = {
            "format": FORMAT,
            "request": asdict(self.request),
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
            or not np.allclose(scene.cube.wavelengths_nm, self.wavelengths_nm)  # type: ignore[arg-type]
            or off > max(SALIENT_CHANGE * self.salient, 2)
        ):
            raise ValueError(
                f"another scene comes of its seed with these versions of NumPy and SciPy; {again}"
            )
        return scene.cube.data.astype(self.dtype)


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
