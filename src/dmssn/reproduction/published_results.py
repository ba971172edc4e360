"""Published scores of other methods, to set one's own beside.

All are of Y. Qiu et al., "HSOD-BIT-V2: A New Challenging Benchmark for Hyperspectral Salient Object
Detection" (Hyper-HRNet), AAAI 2025, arXiv 2503.13906, under one setting. Two of the methods are
their own, two are not trained, and the others they trained anew. How they average F1, over
thresholds or at which one, is not given.
"""

from typing import NamedTuple

SOURCE = "Qiu et al., HSOD-BIT-V2 / Hyper-HRNet, AAAI 2025, arXiv 2503.13906"

COLUMNS = {"MAE": "mean_absolute_error", "avgF1": "f1", "AUC": "roc_auc", "CC": "correlation"}
"""Their columns, and which of ``dmssn.metrics`` stands in each."""


SPLITS = {
    "hs-sod": "Two splits of HS-SOD are in use; which one the published scores are of is not told.",
    "hsod-bit-v2": "The published list of test scenes is not to be had; these are others.",
}
"""What stands between the published scores and one's own, by data set."""


class Scores(NamedTuple):
    """Means over a test split, in the order of ``COLUMNS``; MAE is better low, the others high."""

    mae: float
    avg_f1: float
    auc: float
    cc: float


class Method(NamedTuple):
    """A method with its scores by data set.

    Attributes:
        name: As it is published.
        millions: Of parameters; None where nothing is trained.
        scores: Data set to scores; sets without published scores are left out.
    """

    name: str
    millions: float | None
    scores: dict[str, Scores]


def _method(
    name: str,
    millions: float | None,
    hsod_bit: tuple[float, float, float, float],
    hsod_bit_v2: tuple[float, float, float, float],
    hs_sod: tuple[float, float, float, float] | None,
) -> Method:
    of_sets = {"hsod-bit": hsod_bit, "hsod-bit-v2": hsod_bit_v2, "hs-sod": hs_sod}
    return Method(name, millions, {key: Scores(*row) for key, row in of_sets.items() if row})


METHODS = (
    _method(
        "SAD (2013, no training)",
        None,
        (0.209, 0.364, 0.822, 0.395),
        (0.177, 0.253, 0.863, 0.331),
        (0.236, 0.235, 0.834, 0.295),
    ),
    _method(
        "SED-SAD (2013, no training)",
        None,
        (0.208, 0.381, 0.828, 0.407),
        (0.180, 0.265, 0.865, 0.333),
        (0.209, 0.250, 0.830, 0.286),
    ),
    _method(
        "SUDF (2019)",
        0.10,
        (0.203, 0.528, 0.910, 0.582),
        (0.166, 0.362, 0.873, 0.412),
        (0.242, 0.256, 0.723, 0.250),
    ),
    _method(
        "U2Net on colour",
        44.0,
        (0.062, 0.739, 0.951, 0.746),
        (0.046, 0.513, 0.948, 0.621),
        None,
    ),
    _method(
        "SMN (2023)",
        10.2,
        (0.034, 0.751, 0.963, 0.846),
        (0.039, 0.575, 0.915, 0.639),
        (0.069, 0.658, 0.916, 0.718),
    ),
    _method(
        "DMSSN (2024) as published",
        1.76,
        (0.086, 0.637, 0.852, 0.625),
        (0.072, 0.548, 0.830, 0.553),
        (0.068, 0.564, 0.937, 0.703),
    ),
    _method(
        "Hyper-HRNet-Lite (2025)",
        7.24,
        (0.026, 0.770, 0.987, 0.907),
        (0.046, 0.550, 0.940, 0.641),
        None,
    ),
    _method(
        "Hyper-HRNet (2025)",
        29.6,
        (0.020, 0.795, 0.996, 0.916),
        (0.028, 0.589, 0.988, 0.737),
        (0.056, 0.770, 0.953, 0.810),
    ),
)
