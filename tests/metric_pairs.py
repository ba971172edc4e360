"""Pairs of a saliency map and a mask, made to find what two programs could disagree on."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

VALUES = st.integers(0, 255).map(lambda level: level / 255) | st.floats(0, 1)
LAYOUTS = {
    "rows": lambda array: array,
    "columns": np.asfortranarray,
    "every other": lambda array: np.repeat(np.repeat(array, 2, 0), 2, 1)[::2, ::2],
    "backwards": lambda array: array[::-1, ::-1].copy()[::-1, ::-1],
}
SCALES = {"as drawn": None, "16 bit": 65535, "8 bit": 255, "5 levels": 4, "binary": 1}


@st.composite
def drawn_pairs(draw):
    """Up to 8 x 8 pixels, each drawn, so that what fails shrinks to the least case."""
    shape = draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    saliency = draw(arrays.arrays(np.float64, shape, elements=VALUES, fill=VALUES))
    return saliency, draw(arrays.arrays(np.bool_, shape, fill=st.booleans()))


@st.composite
def scene_pairs(draw, dtypes=(np.float64, np.float32)):
    """Up to 24 x 24 pixels: an object and a map that knows something of it, often quantized.

    The map's levels, its kind of float and its layout in memory are drawn; some are flat.
    """
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    y, x = np.mgrid[0:height, 0:width]
    row, column = rng.random(2) * (height, width)
    distance = np.hypot(y - row, x - column)
    mask = distance < draw(st.sampled_from([0, 1, 0.3 * height, 0.6 * width, 100]))
    knows, noise, base = draw(
        st.sampled_from([(0.6, 0.4, 0), (0, 1, 0), (1, 0, 0), (0, 0, 0.3), (0.001, 0.001, 0.4)])
    )
    saliency = base + knows * np.exp(-distance / 4) + noise * rng.random(mask.shape)
    saliency = np.clip(saliency, 0, 1)
    scale = SCALES[draw(st.sampled_from(sorted(SCALES)))]
    if scale:
        saliency = np.rint(saliency * scale) / scale
    saliency = saliency.astype(draw(st.sampled_from(dtypes)))
    layout = LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))]
    return layout(saliency), layout(mask)


def pairs():
    """Either of the two."""
    return drawn_pairs() | scene_pairs()


@st.composite
def pairs_of_both_kinds(draw):
    """A pair whose mask has salient pixels and others."""
    saliency, mask = draw(pairs().filter(lambda pair: pair[1].size > 1))
    mask = mask.copy()
    mask.flat[draw(st.integers(0, mask.size - 1))] = True
    if mask.all():
        mask.flat[draw(st.integers(0, mask.size - 1))] = False
    return saliency, mask
