"""ENVI: a text header ``.hdr`` beside a file of raw numbers.

Axis order by interleave, H rows, W columns, B bands: ``bil`` (H, B, W), ``bip`` (H, W, B),
``bsq`` (B, H, W).
"""

import re
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from spectral.io import envi

from dmssn.cube import Georeference
from dmssn.cube.wavelengths import Wavelengths
from dmssn.map_info import read_map_info
from dmssn.readers.stored import Convention, Stored, parsing, require_real

AXES = {"bil": "HBW", "bip": "HWB", "bsq": "BHW"}
RAW_SUFFIXES = ("", ".raw", ".img", ".dat", ".bil", ".bip", ".bsq")

Header = dict[str, str | list[str]]


def header_of(path: Path) -> Path | None:
    """The ENVI header that belongs to a path, which may be the header; None when there is none."""
    if path.suffix.lower() == ".hdr":
        return path
    # One named after the whole raw file is surely its own.
    beside = [path.with_name(path.name + end) for end in (".hdr", ".HDR")]
    if path.suffix.lower() in RAW_SUFFIXES:
        beside += [path.with_suffix(end) for end in (".hdr", ".HDR")]
    return next((header for header in beside if header.is_file()), None)


def open_envi(path: Path, header_path: Path) -> Stored:
    """Map the raw numbers of an ENVI cube; ``path`` is its header or its raw file.

    Raises:
        ValueError: The header is damaged, or does not fit the raw file.
    """
    header = _read_header(header_path)
    raw = path if path != header_path else _raw_beside(header_path)
    dtype, notes = _dtype(header_path, header)
    interleave = _text(header_path, header, "interleave").lower()
    if interleave not in AXES:
        raise ValueError(
            f"{header_path}: interleave is one of {', '.join(AXES)}, not {interleave!r}"
        )
    lengths = {
        letter: _integer(header_path, header, field)
        for letter, field in (("H", "lines"), ("W", "samples"), ("B", "bands"))
    }
    shape = tuple(lengths[letter] for letter in AXES[interleave])
    offset = _integer(header_path, header, "header offset", 0)
    _check_size(header_path, raw, shape, dtype, offset)
    ignore = header.get("data ignore value")
    georeference, unplaced = _georeference(header)
    return Stored(
        path,
        np.memmap(raw, dtype, "r", offset, shape),
        convention=Convention(AXES[interleave], f"the header's interleave {interleave}", True),
        wavelengths=_wavelengths(header_path, header),
        notes=(*notes, *unplaced),
        ignore_value=None if ignore is None else _number(header_path, header, "data ignore value"),
        scale=_scale(header_path, header),
        good_bands=_good_bands(header_path, header, lengths["B"]),
        georeference=georeference,
    )


def _read_header(path: Path) -> Header:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    with parsing(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # field names are lowered, which is what we want
        header = _parse(path)
    kind = str(header.get("file type", "")).lower()
    if "library" in kind:
        raise ValueError(f"{path}: is a spectral library, expected an image")
    if str(header.get("file compression", "0")) != "0":
        raise ValueError(f"{path}: the raw file is compressed; write it uncompressed")
    return header


def _parse(path: Path) -> Header:
    """Have the library parse a header; it takes no byte order mark and no letters of Windows."""
    content = path.read_bytes()
    if content.isascii():
        header: Header = envi.read_envi_header(str(path))
        return header
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    with TemporaryDirectory() as folder:
        plain = Path(folder) / path.name
        plain.write_bytes(re.sub("[µμ]", "u", text).encode("ascii", "replace"))
        header = envi.read_envi_header(str(plain))
    return header


def _raw_beside(header_path: Path) -> Path:
    stem = header_path.with_suffix("")
    ends = dict.fromkeys(end for suffix in RAW_SUFFIXES for end in (suffix, suffix.upper()))
    found = [raw for end in ends if (raw := stem.with_name(stem.name + end)).is_file()]
    found = [raw for i, raw in enumerate(found) if not any(map(raw.samefile, found[:i]))]
    if not found:
        raise FileNotFoundError(
            f"{header_path}: no raw file beside it; expected {stem.name} with the ending "
            f"{', '.join(RAW_SUFFIXES[1:])} or none"
        )
    if len(found) > 1:
        names = ", ".join(raw.name for raw in found)
        raise ValueError(f"{header_path}: several raw files beside it, give one instead: {names}")
    return found[0]


def _dtype(path: Path, header: Header) -> tuple[np.dtype[np.generic], tuple[str, ...]]:
    code = _text(path, header, "data type")
    if code not in envi.envi_to_dtype:
        raise ValueError(f"{path}: data type {code!r} is none of ENVI's")
    dtype = np.dtype(envi.envi_to_dtype[code])
    require_real(path, "the raw file", dtype)
    notes: tuple[str, ...] = ()
    if "byte order" not in header and dtype.itemsize > 1:
        notes = ("the header states no byte order: taken as little-endian (0)",)
    order = _integer(path, header, "byte order", 0)
    if order not in (0, 1):
        raise ValueError(f"{path}: byte order is 0 (little-endian) or 1 (big-endian), not {order}")
    return dtype.newbyteorder(">" if order else "<"), notes


def _check_size(
    header_path: Path, raw: Path, shape: tuple[int, ...], dtype: np.dtype[np.generic], offset: int
) -> None:
    if min(shape) < 1:
        raise ValueError(f"{header_path}: lines, samples and bands must be 1 or more, got {shape}")
    expected = offset + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    found = raw.stat().st_size
    if found != expected:
        raise ValueError(
            f"{raw}: has {found} bytes, but {header_path.name} asks for {expected} ({offset} "
            f"before {' x '.join(map(str, shape))} {dtype.name} numbers); one of them is wrong"
        )


def _wavelengths(path: Path, header: Header) -> Wavelengths | None:
    if "wavelength" not in header:
        return None
    unit = header.get("wavelength units")
    return Wavelengths(
        np.array(_numbers(path, header, "wavelength")),
        None if unit is None else str(unit),
        "wavelengths in the header",
    )


def _good_bands(path: Path, header: Header, bands: int) -> NDArray[np.bool_] | None:
    if "bbl" not in header:
        return None
    good: NDArray[np.bool_] = np.array(_numbers(path, header, "bbl")) != 0
    if good.size != bands:
        raise ValueError(f"{path}: bbl has {good.size} values for {bands} bands; correct one")
    return good


def _georeference(header: Header) -> tuple[Georeference | None, tuple[str, ...]]:
    """Where the pixels lie, and a note where the header tells it wrongly: the cube is as good."""
    if "map info" not in header:
        return None, ()
    fields, system = header["map info"], header.get("coordinate system string")
    text = ",".join(system) if isinstance(system, list) else system
    try:
        return read_map_info([fields] if isinstance(fields, str) else fields, text or None), ()
    except ValueError as error:
        return None, (f"its georeference is left out: {error}",)


def _scale(path: Path, header: Header) -> float:
    if "reflectance scale factor" not in header:
        return 1.0
    scale = _number(path, header, "reflectance scale factor")
    if not 0 < scale < np.inf:
        raise ValueError(f"{path}: reflectance scale factor must be above 0, got {scale:g}")
    return scale


def _text(path: Path, header: Header, field: str) -> str:
    if field not in header:
        raise ValueError(f"{path}: the header has no field {field!r}")
    return str(header[field]).strip()


def _integer(path: Path, header: Header, field: str, default: int | None = None) -> int:
    if default is not None and field not in header:
        return default
    value = _text(path, header, field)
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{path}: {field!r} must be a whole number, got {value!r}") from None


def _numbers(path: Path, header: Header, field: str) -> list[float]:
    value = header[field]
    words = [word for word in ([value] if isinstance(value, str) else value) if word]
    try:
        return [float(word) for word in words]
    except ValueError as error:
        raise ValueError(f"{path}: {field!r} must hold numbers: {error}") from None


def _number(path: Path, header: Header, field: str) -> float:
    values = _numbers(path, header, field)
    if len(values) != 1:
        raise ValueError(f"{path}: {field!r} must be one number, got {len(values)}")
    return values[0]
