"""The bytes a stage has to move and the operations it has to do, by formula, and the least time.

Networks are counted a layer at a time: what goes into a layer is read once and what comes out is
written once, as float32. No cache is assumed to carry a map from one layer to the next, and no
layer to read its input twice. An addition and a multiplication are two operations.

Letters: H rows, W columns, P pixels, B bands, R regions, K components, Q leading principal ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dmssn.models.msst import MSSTConfig

FLOAT = 4
LEADING = 40
"""Q: principal components with full covariances in the fast mixture; the others' are diagonal."""
SAMPLE = 65_536
"""Pixels the fast mixture is fitted on."""
TRAINING = 3
"""A step over a pass: backward computes two gradients (of inputs and of weights) where forward
computes one output, from maps as large."""


@dataclass(frozen=True)
class Work:
    """What a stage has to do at least."""

    bytes: float
    operations: float

    def __add__(self, other: "Work") -> "Work":
        """One stage after the other."""
        return Work(self.bytes + other.bytes, self.operations + other.operations)

    def times(self, factor: float) -> "Work":
        """As often as that."""
        return Work(self.bytes * factor, self.operations * factor)

    def seconds(self, bandwidth: float, rate: float) -> float:
        """Least time on a machine of so many bytes and operations a second."""
        return max(self.bytes / bandwidth, self.operations / rate)


def _layers(rows: float, widths: Sequence[tuple[int, int]]) -> Work:
    """1x1 layers over a table or over pixels; norm and GELU ride on the matrix product."""
    moved = sum(FLOAT * rows * (inputs + outputs) for inputs, outputs in widths)
    return Work(moved, sum(2 * rows * inputs * outputs for inputs, outputs in widths))


def spread(pixels: float, regions: float, channels: int) -> Work:
    """Ids of the pixels (int64) and the table read, one row a pixel written."""
    return Work(8 * pixels + FLOAT * channels * (regions + pixels), 0)


def student_encoder(rows: float, bands: int) -> Work:
    """B -> 64 -> 32."""
    return _layers(rows, [(bands, 64), (64, 32)])


def student(rows: float, bands: int) -> Work:
    """B -> 64 -> 32 -> 64 -> B."""
    return _layers(rows, [(bands, 64), (64, 32), (32, 64), (64, bands)])


def teacher_features(rows: float, bands: int) -> Work:
    """Up to the 64-wide layers of the decoder."""
    widths = [(bands, bands), (32, 32), (32, 64), (64, 64)]
    for inputs, outputs in ((bands, 128), (128, 64), (64, 32)):
        half = outputs // 2
        # The two branches are one product with twice the columns.
        widths += [(inputs, 2 * outputs), (2 * outputs, half), (half, outputs)]
    return _layers(rows, widths)


def teacher(rows: float, bands: int) -> Work:
    """The whole autoencoder."""
    tail = [(64, 128), (128, 128), (128, bands), (bands, bands)]
    return teacher_features(rows, bands) + _layers(rows, tail)


def msst(height: int, width: int, config: MSSTConfig | None = None) -> Work:
    """The transformer and its head, for one picture."""
    config = config or MSSTConfig()
    operations, floats = 0.0, 0.0
    inputs = config.inputs
    for stage, channels in enumerate(config.channels):
        kernel, stride = (7, 4) if stage == 0 else (3, 2)
        floats += inputs * height * width
        height, width = (
            (side + 2 * (kernel // 2) - kernel) // stride + 1 for side in (height, width)
        )
        places, reduction = height * width, config.reductions[stage]
        keys = (height // reduction) * (width // reduction)
        hidden = config.mlp_ratios[stage] * channels
        operations += 2 * places * channels * inputs * kernel**2
        floats += places * channels
        block = 2 * places * channels * 2 * channels  # queries of both groups
        block += 2 * keys * channels**2 * reduction**2  # the reduced map
        block += 2 * keys * channels * (2 * 9 + 4 * channels)  # keys and values of both groups
        block += 2 * 2 * 2 * places * keys * channels  # q k^T and its product with v, two groups
        block += 2 * places * 2 * channels**2  # projection
        block += 2 * places * hidden * (2 * channels + 9)  # MLP
        # Read and written: two norms (4C), queries (C + 2C), the reduced map's input (C), attention
        # (2C + 2C), projection (2C + C), MLP (C + hidden, 2 hidden, hidden + C), two sums (6C).
        moved = places * (23 * channels + 4 * hidden) + keys * 12 * channels
        operations += config.depths[stage] * block
        floats += config.depths[stage] * moved
        operations += 2 * places * 33 * channels  # the head's branch and its weighing
        floats += places * (channels + 32)
        inputs = channels
    return Work(FLOAT * floats, operations)


def losses(pixels: float, regions: float, bands: int) -> Work:
    """A training step's terms: two tables of B and of 160 channels compared, and two maps.

    Each table is read, and its gradient written; SSIM filters five maps with two lines of 11.
    """
    tables = 3 * FLOAT * regions * (bands + 160)
    return Work(
        tables + 3 * 10 * FLOAT * pixels, 3 * (5 * 44 * pixels + 6 * regions * (bands + 160))
    )


def mixture_fast(pixels: float, bands: int, components: int, iterations: int) -> Work:
    """Axes from a sample, every pixel projected on them, EM on the sample, every pixel assigned."""
    sample, leading = min(pixels, SAMPLE), min(LEADING, bands)
    axes = sample * bands * (bands + 1)  # the covariance of the bands is symmetric
    projection = 2 * pixels * bands**2
    # A triangular factor for the leading ones, two columns (linear, square) for each of the rest.
    distance = components * (leading * (leading + 1) + 4 * (bands - leading))
    covariance = leading * (leading + 1) + 4 * (bands - leading)  # of the one component it is in
    operations = axes + projection + pixels * distance
    operations += sample * (iterations * distance + (iterations + 1) * covariance)
    # The cube is read once; the sample for its axes and twice a step.
    return Work(FLOAT * bands * (pixels + sample * (2 * iterations + 2)), operations)


def mixture_exact(pixels: float, bands: int, components: int, iterations: int) -> Work:
    """Each pixel against each component's triangular factor, in each step and to assign.

    In the M step a pixel counts for one component, as all but a few do; a covariance is symmetric,
    so half of it is computed.
    """
    half = bands * (bands + 1) / 2
    expectation = 2 * pixels * components * half
    maximization = 2 * pixels * half
    passes = 2 * iterations + 2  # EM, its start, and the assignment
    operations = (iterations + 1) * (expectation + maximization)
    return Work(passes * FLOAT * pixels * bands, operations)


def region_means(pixels: float, regions: float, bands: int) -> Work:
    """The cube and its map read, the table written; one addition a value."""
    return Work(FLOAT * (pixels * (bands + 1) + regions * bands), pixels * bands)


def resize(source: tuple[int, int], target: tuple[int, int], bands: int) -> Work:
    """The cube read and the small one written; each value weighed along rows, then columns."""
    read, written = source[0] * source[1], target[0] * target[1]
    between = target[0] * source[1]
    return Work(FLOAT * bands * (read + written), 2 * bands * (read + between))


def augment(pixels: float) -> Work:
    """Map and mask read and written; an affine transform and two roundings a pixel."""
    return Work(2 * 5 * pixels, 10 * pixels)
