"""What one cube and the colour picture of its scene say about how the cube is turned.

Letters: H rows, W columns, S side of the square in which both are compared, B bands, m groups of
them, P valid pixels of the square, k features of a pixel, c channels of a picture.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import uniform_filter
from scipy.sparse import csr_array

from dmssn.config import Orientation
from dmssn.cube import RowSource
from dmssn.readers.turning import TURNS, Turn
from dmssn.resample import axis_weights, resize
from dmssn.surveying import survey

SIDE = 128
"""Largest side of the square: objects are still seen; noise and the blocks of JPEG average out."""
GROUPS = 6
"""Groups of neighbouring bands: more than three, for the colours may lie anywhere among them."""
LOCAL = 4
"""The mean over a window of this part of the side is taken off, and slow changes of light with it,
which may differ between the cube and its picture."""
BLOCKS = 16
"""Blocks a side of the square. Each is one witness, so that a single object, or an edge however
strong, proves little: where n blocks speak for a candidate, all alike, z is about sqrt(n)."""
LEAST_BLOCKS = 4
"""With fewer a side there are too few witnesses for any statement."""
BLOCK_SIDE = 4
"""Pixels a side of a block in a small cube: neighbours are no witnesses of their own."""
LEAST_VALID = 0.25
"""Share of the square that must be valid, or features are fitted to a few pixels."""
LEAST_Z = 5.0
"""Standard errors by which the winner must beat each other candidate. By chance that is one in
three million, with room for witnesses that are not quite independent."""
LEAST_SCORE = 0.4
"""Share of the picture that the cube must explain. Over generated scenes, pictures of other scenes
had up to 0.28; of the same, 0.72 or more even when blurred, or JPEG of quality 30."""
LEAST_LEAD = 0.1
"""Lead in that share. In a nearly symmetric scene it is the light that differs, and everywhere
alike. Of 3,000 such scenes, lit in the cube and in the picture from sides of their own, none was
decided wrong where lights change by up to 20 %, and one by up to 40 %. In others the right
candidate leads by 0.4."""


class Evidence(NamedTuple):
    """What one cube and its colour picture say.

    Attributes:
        scores: Orientation to the share of the picture's variance, in [0, 1], that the cube
            explains when turned so. Those that would give another shape than the picture's are
            left out.
        z: By how many standard errors the best beats the candidate nearest to it.
    """

    scores: dict[Orientation, float]
    z: float

    @property
    def winner(self) -> Orientation:
        """The orientation of the best score."""
        return max(self.scores, key=self.scores.__getitem__)

    @property
    def score(self) -> float:
        """The best score."""
        return self.scores[self.winner]

    @property
    def decisive(self) -> bool:
        """Whether the winner is beyond doubt."""
        best, second = sorted(self.scores.values(), reverse=True)[:2]
        clear = self.z >= LEAST_Z and best - second >= LEAST_LEAD
        return clear and best >= LEAST_SCORE


def read_colour(path: Path) -> NDArray[np.uint8]:
    """Read a colour picture, shape (H, W, 3).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read.
    """
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except (FileNotFoundError, PermissionError, MemoryError):
        raise
    except Exception as error:  # the decoders raise nearly anything on a damaged file
        raise ValueError(f"{path}: not a picture that can be read: {error}") from error


def look(cube: RowSource, picture: NDArray[np.uint8]) -> Evidence:
    """Read a cube once, as stored, and compare it with the colour picture of its scene.

    Args:
        cube: The cube, not turned.
        picture: The upright picture, of any size, shape (H, W, c).

    Raises:
        ValueError: The cube is damaged, or none of its pixels is valid.
    """
    height, width, bands = cube.shape
    broad = csr_array(axis_weights(bands, min(bands, GROUPS)))
    small = survey(cube, min(SIDE, height, width), broad).small
    return compare(small, (height, width), picture)


def compare(
    small: NDArray[np.float32], shape: tuple[int, int], picture: NDArray[np.uint8]
) -> Evidence:
    """Compare a small cube with a picture, turned in all ways.

    The picture's channels are regressed on the bands and their square roots, so that gains,
    offsets, gamma, swapped channels and negatives make no difference. The picture is turned and
    not the cube, so that one decomposition of the cube serves all candidates.

    Args:
        small: The cube as stored but squeezed, shape (S, S, m); NaN where invalid.
        shape: (H, W) of the cube as stored.
        picture: The upright picture, of any size, shape (H, W, c).
    """
    side = len(small)
    valid: NDArray[np.bool_] = np.asarray(np.isfinite(small).all(axis=2))
    features = _features(small, valid)
    square = resize(picture.astype(np.float32), side, side)
    scores: dict[Orientation, float] = {}
    rests: dict[Orientation, NDArray[np.float64]] = {}
    for name in candidates(shape, (picture.shape[0], picture.shape[1])):
        wanted = _local(_turned_back(square, TURNS[name]), valid)
        total = float(np.square(wanted).sum())
        rest = np.zeros(valid.shape)
        if total > 0:
            left = wanted - features @ (features.T @ wanted)
            rest[valid] = np.square(left).sum(axis=1) / total
        scores[name] = 1 - float(rest.sum()) if total > 0 else 0.0
        rests[name] = _in_blocks(rest)
    best = max(scores, key=scores.__getitem__)
    z = min(_z_score(rests[name] - rests[best]) for name in rests if name != best)
    return Evidence(scores, z if valid.mean() >= LEAST_VALID else 0.0)


def candidates(shape: tuple[int, int], picture: tuple[int, int]) -> list[Orientation]:
    """Orientations under which a cube of (H, W) has the shape of its picture, or all eight.

    A picture of another size counts by its proportions; one that is neither upright nor
    transposed like the cube tells nothing, nor does one that is both.

    Example:
        >>> candidates((40, 60), (30, 20))
        ['transpose', 'rotate-90', 'rotate-270', 'transverse']
    """
    across = shape[::-1]
    for alike in (tuple.__eq__, _proportional):
        straight, turned = alike(shape, picture), alike(across, picture)
        if straight != turned:
            return [name for name, turn in TURNS.items() if turn.transpose == turned]
    return list(TURNS)


def _proportional(shape: tuple[int, int], picture: tuple[int, int]) -> bool:
    """Whether one size scaled gives the other, to within the rounding of a pixel."""
    scale = np.sqrt(picture[0] * picture[1] / (shape[0] * shape[1]))
    return all(abs(is_ - was * scale) <= 1 for is_, was in zip(picture, shape, strict=True))


def _turned_back(picture: NDArray[np.float32], turn: Turn) -> NDArray[np.float32]:
    """An upright picture as the cube that needs this turn is stored."""
    down, right = (-1 if flip else 1 for flip in (turn.flip_rows, turn.flip_columns))
    flipped = picture[::down, ::right]
    return flipped.swapaxes(0, 1) if turn.transpose else flipped


def _features(small: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Orthonormal columns (P, k) that span the bands and their square roots."""
    bands = np.where(valid[:, :, None], small, 0).astype(np.float64)
    roots = np.sqrt(np.maximum(bands - bands[valid].min(axis=0), 0))
    flat = _local(np.concatenate([bands, roots], axis=2), valid)
    scale = flat.std(axis=0)
    flat = flat[:, scale > 0] / scale[scale > 0]
    if not flat.size:
        return np.zeros((len(flat), 1))
    left, values, _ = np.linalg.svd(flat, full_matrices=False)
    # What is left of features that repeat each other is rounding.
    return np.asarray(left[:, values > values[0] * 1e-4])


def _local(picture: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A picture (S, S, c) without its local mean: its valid pixels, shape (P, c), of mean 0."""
    window = (len(picture) // LOCAL | 1,) * 2 + (1,)  # odd, so that it has a middle
    counted = valid[:, :, None].astype(np.float64)
    share = uniform_filter(counted, window)[valid]
    pixels = picture[valid] - uniform_filter(picture * counted, window)[valid] / share
    return np.asarray(pixels - pixels.mean(axis=0))


def _in_blocks(rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over blocks of the square."""
    blocks = min(BLOCKS, max(1, len(rest) // BLOCK_SIDE))
    edges = np.linspace(0, len(rest), blocks, endpoint=False).astype(np.intp)
    return np.asarray(np.add.reduceat(np.add.reduceat(rest, edges, axis=0), edges, axis=1))


def _z_score(differences: NDArray[np.float64]) -> float:
    """The mean in units of its standard error; 0 where there are too few, or no differences."""
    if len(differences) < LEAST_BLOCKS:
        return 0.0
    error = differences.std(ddof=1) / np.sqrt(differences.size)
    return float(differences.mean() / error) if error > 0 else 0.0
