"""One saliency map compared with its mask: from two files, or two arrays, to metrics.

Letters: H rows, W columns, S side of the square that maps may be scored at.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmssn.config import SettingError
from dmssn.map_files import FileOrArray
from dmssn.masks import IN_MEMORY, as_label, as_mask, read_crop, read_label, read_mask
from dmssn.metrics import Curves, published_score, score, score_and_curves, stretched
from dmssn.pictures import PICTURE_SUFFIXES
from dmssn.resample import resize
from dmssn.saliency_maps import as_saliency, read_saliency


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """How maps are compared with masks; the defaults compare what is there, pixel by pixel.

    Attributes:
        size: Side of the square that map and mask are both resized to; None for the mask's size.
        stretch: Whether each map's least value is brought to 0 and its largest to 1 first.
        ignore: Number of a mask's pixels that do not count; "set" where masks hold -1, or 255
            beside 1, as ``masks.read_label`` has it; None when all pixels count.
        published: Whether the ``published_*`` metrics are wanted too.
        mask_key: Variable of `.npz` and `.mat` files that is the mask.
        crop_key: Variable of those files with the rows and columns that count.

    Raises:
        SettingError: The size is less than 2.
    """

    size: int | None = None
    stretch: bool = False
    ignore: int | Literal["set"] | None = None
    published: bool = False
    mask_key: str | None = None
    crop_key: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.size is not None and self.size < 2:
            raise SettingError(f"--size must be at least 2, got {self.size}")

    @property
    def said(self) -> list[str]:
        """How maps are scored, one sentence each, for the foot of a table."""
        size = "the mask's own size"
        if self.size is not None:
            size = f"{self.size} x {self.size} pixels, map and mask resized"
        told = [
            f"Scored at {size}.",
            "Each map stretched to [0, 1] by its own least and largest value."
            if self.stretch
            else "Maps as they are, none stretched.",
        ]
        if self.ignore is not None:
            told.append(f"Pixels of masks {self.ignored} left out; S and F wtd undefined there.")
        if self.crop_key is not None:
            told.append(f"Only inside the crop {self.crop_key} of each scene.")
        return told

    @property
    def ignored(self) -> str:
        """Which pixels of a mask do not count, in words that follow "pixels"."""
        return "whose truth is not known" if self.ignore == "set" else f"at {self.ignore}"


class Pair(NamedTuple):
    """A map and its truth, of one shape.

    Attributes:
        saliency: Float64 of shape (H, W) in [0, 1].
        mask: Bool of shape (H, W), True is salient.
        counted: Likewise, False where the truth is not known; None when it is everywhere.
        note: What looks wrong but could be meant, sentences with "; " between, or nothing.
    """

    saliency: NDArray[np.float64]
    mask: NDArray[np.bool_]
    counted: NDArray[np.bool_] | None = None
    note: str = ""


def read_pair(map_file: FileOrArray, mask_file: FileOrArray, scoring: Scoring) -> Pair:
    """Read a map and its mask, or take those in memory, and bring both to what is scored.

    Raises:
        FileNotFoundError: A file is not there.
        SettingError: A file has no variable of the given key.
        ValueError: A file is damaged, or the sizes differ and no ``size`` is given, or a crop is,
            or the map has another aspect.
    """
    mask, counted = read_truth(mask_file, scoring)
    window = None
    if scoring.crop_key is not None and isinstance(mask_file, Path):
        window = read_crop(mask_file, scoring.crop_key, (mask.shape[0], mask.shape[1]))
    name = str(mask_file) if isinstance(mask_file, Path) else IN_MEMORY
    return pair_with(map_file, mask, counted, scoring, mask_name=name, window=window)


def pair_with(
    map_file: FileOrArray,
    mask: NDArray[np.bool_],
    counted: NDArray[np.bool_] | None,
    scoring: Scoring,
    *,
    mask_name: str,
    window: tuple[slice, slice] | None = None,
) -> Pair:
    """Read a map, and bring it and a truth to what is scored.

    Args:
        map_file: The map, or its file.
        mask: Bool of shape (H, W), True is salient.
        counted: Likewise, False where the truth is not known; None when it is everywhere.
        scoring: How they are compared.
        mask_name: Of the mask, in messages.
        window: Rows and columns that count; None for all.

    Raises:
        FileNotFoundError: There is no such map.
        ValueError: As ``read_pair``.
    """
    notes = []
    if isinstance(map_file, Path):
        saliency, name = read_saliency(map_file), str(map_file)
    else:
        saliency, name = as_saliency(map_file), "the map"
    picture = isinstance(map_file, Path) and map_file.suffix.lower() in PICTURE_SUFFIXES
    if picture and saliency.max() == 1 / 255:
        notes.append(f"{name}: no level above 1 of 255; if its 1 means salient, save it as 255")
    if counted is not None and not mask.any():
        notes.append(f"{mask_name}: no pixel is salient once those {scoring.ignored} are left out")
    if saliency.shape != mask.shape and (scoring.size is None or window is not None):
        wanted = "a map has the size of its mask, or both are scored at one --size"
        if window is not None:
            wanted = "with --crop-key a map has the size of its whole mask"
        raise ValueError(f"{name} is {_size(saliency)}, {mask_name} is {_size(mask)}; {wanted}")
    if window is not None:
        saliency, mask = saliency[window], mask[window]
        counted = None if counted is None else counted[window]
    try:
        pair = Pair(*brought(saliency, mask, counted, scoring))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if mask.any() and not pair.mask.any():
        notes.append(f"{mask_name}: what is salient is too small to be so at {_size(pair.mask)}")
    return pair._replace(note="; ".join(notes))


def read_truth(
    mask_file: FileOrArray, scoring: Scoring
) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """A mask, whole and at its own size, and which of its pixels count; None when all do."""
    number = None if scoring.ignore == "set" else scoring.ignore
    if not isinstance(mask_file, Path):
        if scoring.mask_key is not None or scoring.crop_key is not None:
            raise SettingError("mask_key and crop_key are of files; masks in memory have no keys")
        if scoring.ignore is None:
            return as_mask(mask_file), None
        return as_label(mask_file, ignore=number)
    if scoring.ignore is None:
        return read_mask(mask_file, scoring.mask_key), None
    return read_label(mask_file, scoring.mask_key, ignore=number)


def brought(
    saliency: NDArray[np.floating],
    mask: NDArray[np.bool_],
    counted: NDArray[np.bool_] | None,
    scoring: Scoring,
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_] | None]:
    """A map and its truth at the size, and of the range, that is scored.

    A resized map is averaged by area where it shrinks and interpolated where it grows; a resized
    mask is salient where at least half of what a pixel covers is, of what counts.

    Raises:
        ValueError: A map that is to be resized or stretched holds NaN or leaves [0, 1]; or one
            that is to be resized is neither square nor of its mask's aspect.
    """
    values = saliency.astype(np.float64, copy=False)
    if scoring.size is not None or scoring.stretch:
        low, high = float(values.min()), float(values.max())
        if not 0 <= low <= high <= 1:  # NaN, too, fails this
            raise ValueError(f"saliency is from 0 to 1, got values from {low:g} to {high:g}")
    if scoring.size is not None:
        _check_aspect(values, mask)
        shape = (scoring.size, scoring.size)
        if values.shape != shape:
            small = resize(np.ascontiguousarray(values, dtype=np.float32)[:, :, None], *shape)
            values = np.clip(small[:, :, 0], 0, 1).astype(np.float64)
        if mask.shape != shape:
            mask, counted = _mask_at(mask, counted, shape)
    if scoring.stretch:
        values = stretched(values).astype(np.float64, copy=False)
    return values, mask, counted


def _check_aspect(saliency: NDArray[np.floating], mask: NDArray[np.bool_]) -> None:
    """Refuse a map that was not squeezed to a square, nor merely scaled, but is, say, turned.

    Scaled to one width, or height, map and mask may differ by a pixel of either: by rounding.
    """
    (height, width), (tall, wide) = saliency.shape, mask.shape
    if height != width and abs(height * wide - width * tall) > max(height, width, tall, wide):
        raise ValueError(
            f"a map of {_size(saliency)} is neither square nor of the aspect of its mask, "
            f"{_size(mask)}; is it turned?"
        )


def _mask_at(
    mask: NDArray[np.bool_], counted: NDArray[np.bool_] | None, shape: tuple[int, int]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    levels = mask.astype(np.float32)
    if counted is not None:
        levels[~counted] = np.nan  # lends nothing
    small = resize(levels[:, :, None], *shape)[:, :, 0]
    known = np.isfinite(small)
    # Rounding must not decide where exactly half is salient.
    salient = np.zeros(shape, dtype=np.bool_)
    salient[known] = small[known] >= 0.5 - 1e-6
    return salient, None if known.all() else known


def score_pair(pair: Pair, scoring: Scoring) -> dict[str, float]:
    """Metrics by name; those of ``dmssn.metrics.score``, and the published ones if asked for.

    Raises:
        ValueError: The map holds NaN or leaves [0, 1], or no pixel counts.
    """
    return score(pair.saliency, pair.mask, pair.counted) | _published(pair, scoring)


def score_pair_and_curves(pair: Pair, scoring: Scoring) -> tuple[dict[str, float], Curves]:
    """As ``score_pair``, and the curves."""
    values, found = score_and_curves(pair.saliency, pair.mask, pair.counted)
    return values | _published(pair, scoring), found


def _published(pair: Pair, scoring: Scoring) -> dict[str, float]:
    """The published metrics if asked for, or nothing."""
    if not scoring.published:
        return {}
    return published_score(pair.saliency, pair.mask, pair.counted)


def score_files(
    map_file: FileOrArray, mask_file: FileOrArray, scoring: Scoring
) -> tuple[dict[str, float], str]:
    """Metrics of one scene, and a note on its map or nothing.

    Raises:
        FileNotFoundError: A file is not there.
        SettingError: A file has no variable of the given key.
        ValueError: A file cannot be scored.
    """
    pair = read_pair(map_file, mask_file, scoring)
    try:
        return score_pair(pair, scoring), pair.note
    except ValueError as error:
        name = map_file if isinstance(map_file, Path) else "the map"
        raise ValueError(f"{name}: {error}") from None


def _size(values: NDArray[Any]) -> str:
    return " x ".join(map(str, values.shape))
