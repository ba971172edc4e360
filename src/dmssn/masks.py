"""Masks in files: a picture, or a variable of a NumPy or MATLAB file.

Letters: H rows, W columns.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray

from dmssn.config import SettingError
from dmssn.pictures import PICTURE_SUFFIXES, read_grey

VARIABLE_SUFFIXES = (".npz", ".mat")
"""Files of named variables, such as a cube beside its mask."""
MASK_SUFFIXES = (*PICTURE_SUFFIXES, *VARIABLE_SUFFIXES)

WHITE = 128 / 255
"""A picture is salient from this part of its full scale up; JPEG masks hold every level."""

IN_MEMORY = "the mask"
"""What one without a file is called in messages."""

Shape = tuple[int, ...]


def read_mask(path: Path, key: str | None = None) -> NDArray[np.bool_]:
    """Read a mask, bool of shape (H, W), True is salient.

    A picture is salient from the middle of its scale up, or, if it holds no more than 0 and 1,
    at 1. A variable is salient where it is not 0. What looks like a number for pixels whose truth
    is not known is refused: 255 beside 0 and 1 in a picture, and less than 0 in a variable.

    Args:
        path: A picture, or a `.npz` or `.mat` file (MATLAB v4 to v7.3).
        key: Name of the variable; by default the only (H, W) one, vectors left out.

    Raises:
        FileNotFoundError: There is no such file.
        SettingError: It has no such variable.
        ValueError: The file is damaged, what it holds is no mask or leaves open what is salient,
            or more than one variable could be it.
    """
    values, as_picture = _read(path, key)
    return _mask(path, values, as_picture=as_picture)


def as_mask(values: NDArray[Any]) -> NDArray[np.bool_]:
    """A mask that is in memory, as ``read_mask`` has it: unsigned numbers are those of a picture.

    Raises:
        ValueError: It is no mask, or leaves open what is salient.
    """
    _check(IN_MEMORY, values)
    return _mask(IN_MEMORY, values, as_picture=values.dtype.kind in "bu")


def read_label(
    path: Path, key: str | None = None, *, ignore: int | None = None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """Read a mask some of whose pixels do not count, as their truth is not known.

    Args:
        path: As ``read_mask`` takes it.
        key: Likewise.
        ignore: Number of the pixels that do not count. When left out it is -1 and, of a picture of
            unsigned numbers, 255 if 1 stands for salient.

    Returns:
        Mask, bool of shape (H, W), False where a pixel does not count; and counted, the same, None
        when all pixels do.

    Raises:
        FileNotFoundError: There is no such file.
        SettingError: It has no such variable.
        ValueError: The file is damaged, or holds other numbers.
    """
    values, as_picture = _read(path, key)
    return _label(path, values, ignore, as_picture=as_picture)


def as_label(
    values: NDArray[Any], *, ignore: int | None = None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """A mask that is in memory, as ``read_label`` has it: unsigned numbers are those of a picture.

    Raises:
        ValueError: It is no mask.
    """
    _check(IN_MEMORY, values)
    return _label(IN_MEMORY, values, ignore, as_picture=values.dtype.kind in "bu")


def _read(path: Path, key: str | None) -> tuple[NDArray[Any], bool]:
    """The numbers of a mask, and whether they are levels of a picture."""
    if path.suffix.lower() in VARIABLE_SUFFIXES:
        return _variable(path, key), False
    if key is not None:
        raise ValueError(f"{path}: a picture has no variable {key!r}; leave the key out")
    return read_grey(path), True


def _mask(where: object, values: NDArray[Any], *, as_picture: bool) -> NDArray[np.bool_]:
    if not as_picture:
        if (values < 0).any():
            raise ValueError(
                f"{where}: a mask holds no numbers below 0, this one {values.min():g}; if a number "
                "means not known, pass it as --ignore"
            )
        return values.astype(np.bool_)
    if values.dtype.kind == "u" and np.array_equal(np.unique(values), (0, 1, 255)):
        raise ValueError(
            f"{where}: levels 0, 1 and 255: if 255 means not known, pass --ignore 255, else save "
            "the mask as black and white"
        )
    return _salient_levels(where, values)


def _label(
    where: object, values: NDArray[Any], ignore: int | None, *, as_picture: bool
) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    if as_picture:
        number = _ignored(values) if ignore is None else ignore
        counted = np.ones(values.shape, np.bool_) if number is None else values != number
        known = np.where(counted, values, np.zeros_like(values))
        mask = _salient_levels(where, known)
    else:
        counted = np.asarray(values != (-1 if ignore is None else ignore))
        mask = np.asarray((values != 0) & counted)
    return mask, None if counted.all() else counted


def _ignored(levels: NDArray[Any]) -> int | None:
    """The level of pixels that do not count where nobody has said it."""
    if np.issubdtype(levels.dtype, np.signedinteger) or levels.dtype.kind == "f":
        return -1
    only = np.isin(levels, (0, 1, 255)).all() and (levels == 1).any()
    return 255 if only else None


def read_crop(path: Path, key: str, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Read the rows and columns that count from a variable of a `.npz` or `.mat` file.

    Args:
        path: The file.
        key: Name of a variable of four numbers: row start, row stop, column start, column stop;
            counted from 0, stops excluded.
        shape: (H, W) of the image.

    Raises:
        FileNotFoundError: There is no such file.
        SettingError: It has no such variable.
        ValueError: The variable is no crop of such an image, or the file is damaged.
    """
    values = _read_variable(path, key).ravel()
    rows_columns = f"0 <= start < stop in {shape[0]} rows and {shape[1]} columns"
    if values.size != 4 or values.dtype.kind not in "iuf" or np.any(values != np.floor(values)):
        raise ValueError(f"{path}: {key!r} is four whole numbers, {rows_columns}; got {values}")
    top, bottom, left, right = (int(value) for value in values)
    if not (0 <= top < bottom <= shape[0] and 0 <= left < right <= shape[1]):
        raise ValueError(f"{path}: {key!r} is four whole numbers, {rows_columns}; got {values}")
    return slice(top, bottom), slice(left, right)


def _salient_levels(where: object, levels: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a picture is salient, or an error if its levels leave that open."""
    if np.isin(levels, (0, 1)).all():
        return levels.astype(np.bool_)
    if not np.issubdtype(levels.dtype, np.unsignedinteger):
        raise ValueError(
            f"{where}: a mask holds 0 and 1 or 0 to 255, this one {levels.dtype}, from "
            f"{levels.min()} to {levels.max()}; if a number means not known, pass it as --ignore"
        )
    full = np.iinfo(levels.dtype).max
    mask: NDArray[np.bool_] = levels >= WHITE * full
    if not mask.any():
        raise ValueError(
            f"{where}: levels up to {levels.max()} of {full}, neither 0 and 1 nor 0 and {full}; "
            "save the mask as black and white"
        )
    return mask


def _variable(path: Path, key: str | None) -> NDArray[Any]:
    """The numbers of a mask, shape (H, W)."""
    name = _mask_name(path) if key is None else key
    values = _read_variable(path, name)
    _check(f"{path}: {name!r}", values)
    return values


def _check(where: str, values: NDArray[Any]) -> None:
    if values.ndim != 2 or values.size == 0 or values.dtype.kind not in "biuf":
        raise ValueError(
            f"{where}: a mask is numbers of shape (H, W), this is {values.dtype} {values.shape}"
        )
    if np.isnan(values).any():
        raise ValueError(f"{where}: the mask holds NaN")


def _mask_name(path: Path) -> str:
    """Name of the only variable that could be a mask."""
    shapes = _shapes(path)
    could_be = [name for name, shape in shapes.items() if len(shape) == 2 and min(shape) > 1]
    if len(could_be) != 1:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        many = "more than one variable could be" if could_be else "no variable could be"
        raise ValueError(f"{path}: {many} the mask; name it with --mask-key; found: {found}")
    return could_be[0]


def _shapes(path: Path) -> dict[str, Shape]:
    """Shape of each variable, in MATLAB's order of axes; the values stay unread."""
    with _reading(path):
        if path.suffix.lower() == ".npz":
            return _npz_shapes(path)
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                return {k: v.shape[::-1] for k, v in file.items() if isinstance(v, h5py.Dataset)}
        return {name: shape for name, shape, _ in scipy.io.whosmat(path, appendmat=False)}


def _npz_shapes(path: Path) -> dict[str, Shape]:
    shapes = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            with archive.open(member) as file:
                first = np.lib.format.read_magic(file) == (1, 0)
                header = (
                    np.lib.format.read_array_header_1_0
                    if first
                    else np.lib.format.read_array_header_2_0
                )
                shapes[member.removesuffix(".npy")] = header(file)[0]
    return shapes


def _read_variable(path: Path, name: str) -> NDArray[Any]:
    """One variable, with MATLAB's order of axes."""
    names = _shapes(path)
    if name not in names:
        raise SettingError(f"{path}: no variable {name!r}; it holds {', '.join(names)}")
    with _reading(path):
        if path.suffix.lower() == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return np.asarray(archive[name])
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                return np.asarray(file[name]).T
        return np.asarray(scipy.io.loadmat(path, appendmat=False, variable_names=[name])[name])


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Name the file in whatever a library raises on a damaged one, which is nearly anything."""
    try:
        yield
    except (FileNotFoundError, PermissionError, MemoryError):
        raise
    except Exception as error:
        raise ValueError(f"{path}: damaged, or no {path.suffix} file: {error}") from error
