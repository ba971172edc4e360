"""Options that every command which reads cubes takes: how the file is to be understood."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from dmssn.config import Orientation, SettingError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dmssn.readers import CubeFile, EvenlySpaced


@dataclass(frozen=True, kw_only=True)
class CubeOptions:
    """How to understand a cube's file where the file does not say it all."""

    key: Annotated[str | None, Parameter(help="Variable in the file that holds the cube.")] = None
    wavelengths: Annotated[
        str | None,
        Parameter(help="Wavelengths in nm: a text file, or START:STOP for evenly spaced ones."),
    ] = None
    band_axis: Annotated[
        Literal[0, 1, 2] | None,
        Parameter(help="Axis of the stored shape that holds the bands."),
    ] = None
    drop_nm: Annotated[
        tuple[str, ...],
        Parameter(
            help="Wavelengths to leave out, such as 1350-1450; may be repeated.", negative=""
        ),
    ] = ()
    bands: Annotated[
        str | None,
        Parameter(help="Bands to keep by their number in the file, from 0: 0:50,60:100 or 0,5,7."),
    ] = None
    white: Annotated[
        Path | None,
        Parameter(help="White reference: counts become (raw - dark) / (white - dark)."),
    ] = None
    dark: Annotated[
        Path | None, Parameter(help="Dark reference, for --white; 0 when left out.")
    ] = None
    set: Annotated[
        str | None,
        Parameter(help="Data set whose cubes these are, which says all but their orientation."),
    ] = None
    orientation: Annotated[
        Orientation | None, Parameter(help="How the stored cube is turned to be upright.")
    ] = None

    def check(self) -> None:
        """Refuse what no cube would make right, once for all of them.

        Raises:
            SettingError: There is no such data set, or another option beside one.
        """
        if self.set is None:
            return
        from dmssn.datasets.catalogue import data_set

        data_set(self.set)
        if replace(self, set=None, orientation=None) != CubeOptions():
            raise SettingError(
                f"--set {self.set} says how its cubes are read; leave the other options out"
            )

    def absolute(self) -> "CubeOptions":
        """The same for a process that works in another folder."""
        changed: dict[str, Path | str] = {
            name: path.absolute()
            for name in ("white", "dark")
            if (path := getattr(self, name)) is not None
        }
        if self.wavelengths is not None and Path(self.wavelengths).is_file():
            changed["wavelengths"] = str(Path(self.wavelengths).absolute())
        return replace(self, **changed)  # type: ignore[arg-type]

    def open(self, path: Path) -> "CubeFile":
        """Open a cube without reading its numbers.

        Raises:
            SettingError: An option is malformed or does not fit the file.
            FileNotFoundError: There is no such file.
            ValueError: The file is damaged, in no known format, or leaves a choice to be made.
        """
        from dmssn.readers import open_cube
        from dmssn.readers.turning import turned

        if self.set is not None:
            from dmssn.datasets.catalogue import data_set
            from dmssn.datasets.opening import open_scene

            self.check()
            return open_scene(data_set(self.set), path, self.orientation or "none")
        file = open_cube(
            path,
            key=self.key,
            wavelengths_nm=self._wavelengths_nm(),
            band_axis=self.band_axis,
            drop_nm=[_range_nm(text) for text in self.drop_nm],
            bands=None if self.bands is None else _bands(self.bands),
            white=self.white,
            dark=self.dark,
        )
        return turned(file, self.orientation or "none")

    def _wavelengths_nm(self) -> "NDArray[np.float64] | EvenlySpaced | None":
        from dmssn.readers import EvenlySpaced
        from dmssn.readers.numbers import read_numbers

        if self.wavelengths is None:
            return None
        if Path(self.wavelengths).is_file():
            return read_numbers(Path(self.wavelengths))
        try:
            first, last = map(float, self.wavelengths.split(":"))
        except ValueError:
            raise SettingError(
                f"--wavelengths takes a text file or START:STOP in nm, and {self.wavelengths!r} "
                "is neither"
            ) from None
        return EvenlySpaced(first, last)


def _range_nm(text: str) -> tuple[float, float]:
    """A range such as ``1350-1450``."""
    try:
        low, high = map(float, text.split("-"))
    except ValueError:
        raise SettingError(f"--drop-nm takes a range such as 1350-1450, got {text!r}") from None
    if not low <= high:
        raise SettingError(f"--drop-nm takes a range from low to high, got {text!r}")
    return low, high


def _bands(text: str) -> "slice | list[int]":
    """Band numbers such as ``0:100``, ``10:``, ``0,5,7`` or ``0:50,60:100``."""
    try:
        if "," in text or ":" not in text:
            return [number for part in text.split(",") for number in _numbers(part)]
        first, last = (int(word) if word else None for word in text.split(":"))
    except ValueError:
        raise SettingError(f"--bands takes 0:100 or 0,5,7, got {text!r}") from None
    return slice(first, last)


def _numbers(part: str) -> range:
    """The band numbers of one part of a list: ``5``, or ``60:100`` without 100."""
    first, *last = map(int, part.split(":"))
    stop = last[0] if last else first + 1
    if len(last) > 1 or first >= stop:
        raise ValueError(f"no range of bands: {part}")
    return range(first, stop)
