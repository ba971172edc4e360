"""Which format a path is of, by its content where that tells, else by its name."""

from pathlib import Path

from dmssn.config import SettingError
from dmssn.readers.stored import Stored

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".pgm")
CUBES = (".hdr", ".mat", ".h5", ".hdf5", ".he5", ".npy", ".npz", ".zarr", ".scene")
RAW = (".raw", ".img", ".dat", ".bil", ".bip", ".bsq")


def open_stored(path: Path, key: str | None) -> Stored:
    """Open a file, a Zarr folder or a folder of pictures, whatever its format.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is in none of the formats, damaged, or it is not clear what the cube is.
        SettingError: It has no variable called ``key``.
    """
    # One module a format, imported when met: together their libraries take half a second.
    from dmssn.readers.hdf5 import is_hdf5, open_hdf5

    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    suffix = path.suffix.lower()
    if path.is_file() and path.stat().st_size == 0:
        raise ValueError(f"{path}: the file is empty")
    if path.is_file() and is_hdf5(path):
        return open_hdf5(path, key)
    if suffix in (".npz", ".mat", ".tif", ".tiff") or path.is_dir():
        return _open_several(path, suffix, key)
    return _open_single(path, suffix, key)


def _open_several(path: Path, suffix: str, key: str | None) -> Stored:
    """A format that can hold several variables, or a folder."""
    if _is_zarr(path):
        from dmssn.readers.zarr_stores import open_zarr

        return open_zarr(path, key)
    if path.is_dir():
        from dmssn.readers.images import open_images

        return open_images(path, key)
    if suffix == ".npz":
        from dmssn.readers.numpy_files import open_npz

        return open_npz(path, key)
    if suffix == ".mat":
        from dmssn.readers.matlab import open_matlab

        return open_matlab(path, key)
    from dmssn.readers.tiff import open_tiff

    return open_tiff(path, key)


def _is_zarr(path: Path) -> bool:
    """A folder that holds Zarr, or should by its name."""
    from dmssn.readers.zarr_stores import SUFFIX, is_zarr

    return path.is_dir() and (path.suffix.lower() == SUFFIX or is_zarr(path))


def _open_single(path: Path, suffix: str, key: str | None) -> Stored:
    """A format that holds one cube a file."""
    from dmssn.readers.envi import header_of, open_envi

    header = header_of(path)
    if key is not None and (header or suffix in (".npy", ".scene")):
        raise SettingError(f"{path}: --key does not apply, the file holds one cube; leave it out")
    if header:
        return open_envi(path, header)
    if suffix == ".npy":
        from dmssn.readers.numpy_files import open_npy

        return open_npy(path)
    if suffix == ".scene":
        from dmssn.readers.generated import open_generated

        return open_generated(path)
    raise ValueError(f"{path}: {_advice(suffix)}")


def _advice(suffix: str) -> str:
    if suffix in (".h5", ".hdf5", ".he5"):
        return "is not an HDF5 file, or one that is cut short; copy or download it again"
    if suffix in RAW:
        return "raw numbers need their ENVI header (.hdr) beside them, with the same name"
    if suffix in PICTURES:
        return "is one picture; bands as pictures are read from the folder that holds them all"
    return (
        "is in no format that can be read: ENVI (.hdr), MATLAB (.mat), HDF5 (.h5), "
        "numpy (.npy, .npz), TIFF, Zarr (.zarr), a generated scene (.scene), or a folder of "
        "one-band pictures"
    )


def cubes_in(folder: Path) -> list[Path]:
    """The cubes of a folder of cubes, sorted; none for Zarr or a folder of one-band pictures.

    A TIFF counts when it has several bands. One of a single band beside cubes is a mask or the
    like, as pictures are, but a damaged one counts, so that it is missed. Raw files count
    through their headers. Saliency maps that prediction wrote beside the cubes do not count.
    """
    if _is_zarr(folder):
        return []
    files = [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".") and not path.stem.endswith(".saliency")
    ]
    tiffs = {path: _has_pages(path) for path in files if path.suffix.lower() in (".tif", ".tiff")}
    cubes = [path for path in files if path.suffix.lower() in CUBES or tiffs.get(path)]
    damaged = [path for path, has_pages in tiffs.items() if has_pages is None]
    return sorted(cubes + damaged) if cubes else []


def _has_pages(path: Path) -> bool | None:
    """Whether a TIFF holds more than one band; None when it is damaged."""
    import tifffile

    from dmssn.readers.tiff import layouts

    try:
        with tifffile.TiffFile(path) as file:
            return any(len(item.shape) > 2 for item in layouts(file))
    except Exception:  # the library raises nearly anything on a damaged file
        return None
