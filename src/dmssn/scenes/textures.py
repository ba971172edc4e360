"""Textures: fields over the picture that say how a material varies from place to place.

Every field is float32 of shape (H, W), with mean about 0 and standard deviation about 1.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2
from scipy.spatial import cKDTree

from dmssn.scenes.chance import Chance

Plane = NDArray[np.float32]
Shape = tuple[int, int]


def fractal(
    rng: Chance,
    shape: Shape,
    grain: float,
    roughness: float = 2.0,
    stretch: float = 1.0,
    angle: float = 0.0,
) -> Plane:
    """Noise without a scale of its own below ``grain``.

    Args:
        rng: Source of chance.
        shape: (H, W).
        grain: Size in pixels above which the field has no structure.
        roughness: The amplitude falls as frequency to the power of minus this.
        stretch: How much longer its structures are along ``angle`` than across it.
        angle: Direction of the stretch in radians.
    """
    height, width = shape
    v, u = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    along = (u * np.cos(angle) + v * np.sin(angle)) * stretch
    across = v * np.cos(angle) - u * np.sin(angle)
    fall = (along**2 + across**2 + 1 / grain**2) ** (-roughness / 2)
    noise = rng.noise((2, *fall.shape))
    waves = (noise[0] + 1j * noise[1]) * fall.astype(np.float32)
    waves[0, 0] = 0
    field = irfft2(waves, s=shape)
    return np.asarray(field / (field.std() + 1e-12), dtype=np.float32)


def weave(rng: Chance, shape: Shape, period: float) -> Plane:
    """Cloth: threads in two directions, a little uneven."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle = rng.uniform(0, np.pi)
    bend = fractal(rng, shape, max(shape) / 3) * period * 0.2
    along = 2 * np.pi * (x * np.cos(angle) + y * np.sin(angle) + bend) / period
    across = 2 * np.pi * (y * np.cos(angle) - x * np.sin(angle) + bend) / period
    return np.asarray(np.sin(along) * np.sin(across) * 2, dtype=np.float32)


def stripes(rng: Chance, shape: Shape, period: float) -> Plane:
    """Straight or slightly bent bands."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle = rng.uniform(0, np.pi)
    bend = fractal(rng, shape, max(shape) / 2) * period * rng.uniform(0, 0.4)
    phase = (x * np.cos(angle) + y * np.sin(angle) + bend) / period
    return np.asarray(np.sin(2 * np.pi * phase + rng.uniform(0, 6)) * 1.4, dtype=np.float32)


def cells(rng: Chance, shape: Shape, number: int, bend: float) -> NDArray[np.intp]:
    """Cell of each pixel, (H, W) in [0, number): the nearest of random points, edges bent.

    Args:
        rng: Source of chance.
        shape: (H, W).
        number: How many cells.
        bend: How far, in pixels, noise moves the edges.
    """
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    if bend > 0:
        y += bend * fractal(rng, shape, max(shape) / 6)
        x += bend * fractal(rng, shape, max(shape) / 6)
    points = rng.uniform(0, 1, (number, 2)) * shape
    nearest = cKDTree(points).query(np.stack([y.ravel(), x.ravel()], axis=1))[1]
    return np.asarray(nearest, dtype=np.intp).reshape(shape)


def fields(rng: Chance, shape: Shape, number: int) -> NDArray[np.intp]:
    """Cell of each pixel: a tilted rectangle split again and again, as farmland and blocks are."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle = rng.uniform(-0.6, 0.6)
    turned = np.stack(
        [x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)]
    )
    label = np.zeros(shape, dtype=np.intp)
    for new in range(1, number):
        largest = np.bincount(label.ravel()).argmax()
        inside = label == largest
        spans = [np.ptp(axis[inside]) for axis in turned]
        axis = turned[int(np.argmax(spans))]
        low, high = axis[inside].min(), axis[inside].max()
        label[inside & (axis > low + (high - low) * rng.uniform(0.3, 0.7))] = new
    return label


def mosaic(rng: Chance, shape: Shape, number: int, bend: float) -> tuple[NDArray[np.intp], Plane]:
    """Cobbles, leaves or scales: the cell of each pixel, and how near its edge is.

    Args:
        rng: Source of chance.
        shape: (H, W).
        number: How many cells.
        bend: How far, in pixels, noise moves the edges.

    Returns:
        Cell of each pixel in [0, number), and its distance in pixels from the next cell's.
    """
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    if bend > 0:
        y += bend * fractal(rng, shape, max(shape) / 6)
        x += bend * fractal(rng, shape, max(shape) / 6)
    points = rng.uniform(-0.05, 1.05, (number, 2)) * shape
    stretch = np.array([1.0, rng.uniform(0.5, 1)])  # leaves and scales are long
    places = np.stack([y.ravel(), x.ravel()], axis=1) * stretch
    distance, nearest = cKDTree(points * stretch).query(places, k=2)
    gap = (distance[:, 1] - distance[:, 0]) / 2
    cell = np.asarray(nearest[:, 0], dtype=np.intp)
    return cell.reshape(shape), gap.reshape(shape).astype(np.float32)


def courses(
    rng: Chance, shape: Shape, tall: float, long: float, shift: float
) -> tuple[NDArray[np.intp], Plane]:
    """Bricks, planks or tiles: as ``mosaic``, in rows.

    Args:
        rng: Source of chance.
        shape: (H, W).
        tall: Height of a row in pixels.
        long: Length of a brick in pixels.
        shift: Of every other row, as a share of a brick's length.
    """
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    turn = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)], p=[0.6, 0.2, 0.2])
    tilt = np.float32(turn + rng.normal(0, 0.03))
    u, v = x * np.cos(tilt) + y * np.sin(tilt), y * np.cos(tilt) - x * np.sin(tilt)
    row = np.floor(v / tall)
    u = u + (row % 2) * np.float32(shift * long)
    column = np.floor(u / long)
    gap = np.minimum(
        np.minimum(v - row * tall, (row + 1) * tall - v),
        np.minimum(u - column * long, (column + 1) * long - u),
    )
    _, cell = np.unique(row * 4096 + column, return_inverse=True)
    return cell.reshape(shape), gap.astype(np.float32)


SURFACES = {
    "any": ("smooth", "mottled", "rough", "woven", "brushed", "speckled"),
    "natural": ("mottled", "mottled", "rough", "rough", "speckled"),
    "water": ("smooth", "mottled"),
    "wood": ("brushed", "brushed", "smooth"),
}
"""Textures of what is made, of soil and plants, of water, and of planks."""


def surface(rng: Chance, shape: Shape, made: str = "any") -> Plane:
    """The texture of some surface.

    Args:
        rng: Source of chance.
        shape: (H, W).
        made: What it is the surface of, of ``SURFACES``.
    """
    side = min(shape)
    kind = rng.choice(SURFACES[made])
    if kind == "smooth":
        return fractal(rng, shape, side, 3.0)
    if kind == "mottled":
        return fractal(rng, shape, side * rng.uniform(0.05, 0.3), 2.5)
    if kind == "rough":
        return fractal(rng, shape, side * rng.uniform(0.02, 0.1), 1.3)
    if kind == "woven":
        return weave(rng, shape, rng.uniform(2.5, 8))
    if kind == "brushed":
        return fractal(rng, shape, side / 10, 1.6, rng.uniform(4, 15), rng.uniform(0, np.pi))
    return rng.noise(shape)


def receding(planes: Plane, line: float) -> Plane:
    """Textures of ground seen at an angle: finer from the lower border up to the horizon.

    Args:
        planes: Textures that go on beyond their borders as ``fractal`` ones do, shape (E, H, W).
        line: Row of the horizon as a share of the height.
    """
    height, width = planes.shape[1:]
    near = np.clip((np.arange(height) / height - line) / (1 - line), 0, 1)
    size = 0.2 + 0.8 * near
    rows = np.cumsum(1 / size).astype(np.intp) % height
    columns = (np.arange(width) - width / 2) / size[:, None] + width / 2
    return planes[:, rows[:, None], np.floor(columns).astype(np.intp) % width]


def abundances(rng: Chance, shape: Shape, count: int, vary: float, made: str = "any") -> Plane:
    """Shares of a material's ``count`` spectra times its brightness, shape (count, H, W).

    Args:
        rng: Source of chance.
        shape: (H, W).
        count: Spectra of the material; the first has the largest share.
        vary: Relative standard deviation of the brightness.
        made: What they are on, of ``SURFACES``.
    """
    brightness = np.exp(vary * np.clip(surface(rng, shape, made), -3, 3))
    out = np.empty((count, *shape), dtype=np.float32)
    most = 0.2 if made == "water" else rng.uniform(0.1, 0.8)
    for index in range(1, count):
        field = fractal(rng, shape, min(shape) * rng.uniform(0.1, 0.6))
        out[index] = np.clip(0.25 + 0.2 * field, 0, 0.5) * most
    out[0] = 1 - out[1:].sum(axis=0)
    return np.asarray(out * brightness, dtype=np.float32)
