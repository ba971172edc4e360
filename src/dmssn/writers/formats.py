"""The formats that cubes are written in, and which choices each of them takes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

from dmssn.config import SettingError
from dmssn.cube import Georeference
from dmssn.map_info import map_info_lines
from dmssn.writers.plan import Blocks, Layout, Plan


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the user asks for; None is the default of the format.

    Attributes:
        format: A key of ``FORMATS``; None to tell it from the name of the output.
        dtype: "float32", "float16" or "uint16".
        layout: "cube" or "spectrum": what the chunks are made for.
        compression: "none", "fast" or "small".
        interleave: "bsq", "bil" or "bip".
    """

    format: str | None = None
    dtype: str = "float32"
    layout: str | None = None
    compression: str | None = None
    interleave: str | None = None


class Settled(NamedTuple):
    """The choices with the defaults of a format in place of what was left open."""

    dtype: str
    layout: Layout
    compression: str
    interleave: str


class Format(NamedTuple):
    """One format."""

    name: str
    """As messages call it."""
    endings: tuple[str, ...]
    """Of names of files, in lower case; the first is given to new ones."""
    write: Callable[[tuple[Path, ...], Blocks, Plan], None]
    """Writes to ``files(output)``, or to stand-ins for these."""
    dtypes: tuple[str, ...] = ("float32", "float16", "uint16")
    chunked: bool = True
    """Whether the numbers lie in chunks, packed or not."""
    offset: bool = True
    """Whether stored numbers may have an offset."""
    folder: bool = False
    """Whether a cube is a folder."""
    raw: str = ""
    """Ending of a second file that holds the numbers."""
    places: Callable[[Georeference], bool] = lambda _: True
    """Whether a georeference can be told."""

    def files(self, output: Path) -> tuple[Path, ...]:
        """What is written; the last one is ``output`` itself, by which the others are found."""
        return (output.with_suffix(self.raw), output) if self.raw else (output,)

    def settle(self, choices: Choices) -> Settled:
        """The choices for this format.

        Raises:
            SettingError: It does not have one of them.
        """
        if choices.dtype not in self.dtypes:
            raise SettingError(
                f"{self.name} holds no {choices.dtype}; --dtype is one of {', '.join(self.dtypes)}"
            )
        if not self.chunked and choices.compression not in (None, "none"):
            raise SettingError(
                f"{self.name} is not compressed: leave --compression out, or choose another format"
            )
        if not self.chunked and choices.layout is not None:
            raise SettingError(
                f"{self.name} has no chunks to lay out: leave --layout out; --interleave bip keeps "
                "each spectrum together"
            )
        if self.chunked and choices.interleave is not None:
            raise SettingError(f"{self.name} has no interleave: --interleave is for ENVI alone")
        return Settled(
            choices.dtype,
            cast(Layout, choices.layout or "cube"),
            choices.compression or ("fast" if self.chunked else "none"),
            choices.interleave or "bip",
        )


# One module a format, imported when met, as in dmssn.readers.formats.
def _write_hdf5(paths: tuple[Path, ...], blocks: Blocks, plan: Plan) -> None:
    from dmssn.writers.hdf5 import write_hdf5

    write_hdf5(paths[0], blocks, plan)


def _write_matlab(paths: tuple[Path, ...], blocks: Blocks, plan: Plan) -> None:
    from dmssn.writers.hdf5 import write_matlab

    write_matlab(paths[0], blocks, plan)


def _write_envi(paths: tuple[Path, ...], blocks: Blocks, plan: Plan) -> None:
    from dmssn.writers.envi import write_envi

    write_envi(paths[0], paths[1], blocks, plan)


def _write_zarr(paths: tuple[Path, ...], blocks: Blocks, plan: Plan) -> None:
    from dmssn.writers.zarr_stores import write_zarr

    write_zarr(paths[0], blocks, plan)


FORMATS = {
    "h5": Format("HDF5", (".h5", ".hdf5"), _write_hdf5),
    "mat": Format("MATLAB", (".mat",), _write_matlab, dtypes=("float32", "uint16")),
    "envi": Format(
        "ENVI",
        (".hdr",),
        _write_envi,
        dtypes=("float32", "uint16"),
        chunked=False,
        offset=False,
        raw=".img",
        places=lambda found: bool(map_info_lines(found)),
    ),
    "zarr": Format("Zarr", (".zarr",), _write_zarr, folder=True),
}


def format_of(path: Path) -> str | None:
    """The key of the format that a name is of by its ending; None when it is of none."""
    suffix = path.suffix.lower()
    return next((key for key, kind in FORMATS.items() if suffix in kind.endings), None)
