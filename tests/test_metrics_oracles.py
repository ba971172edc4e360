"""Metrics against other programs: PySODMetrics, scikit-learn, scipy; on thousands of pairs."""

import warnings

import numpy as np
import py_sod_metrics as sod
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import assume, example, given, settings

from dmssn import metrics
from metric_pairs import drawn_pairs, pairs, pairs_of_both_kinds, scene_pairs

AGREE = 1e-6
"""Largest difference to PySODMetrics."""


def by_pysodmetrics(saliency, mask):
    """PySODMetrics' values for a map as it is (its own stretching of the map turned off)."""
    f = sod.FmeasureV2(
        {
            "f": sod.FmeasureHandler(with_dynamic=True, with_adaptive=True, beta=0.3),
            "f1": sod.FmeasureHandler(
                with_dynamic=True, with_adaptive=False, with_binary=True, beta=1
            ),
            "precision": sod.PrecisionHandler(True, False, with_binary=True),
            "recall": sod.RecallHandler(True, False, with_binary=True),
        }
    )
    e, s, weighted, error = sod.Emeasure(), sod.Smeasure(), sod.WeightedFmeasure(), sod.MAE()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # its means of quadrants without pixels
        for measure in (f, e, s, weighted, error):
            measure.step(saliency, mask, normalize=False)
    f_results, e_results = f.get_results(), e.get_results()["em"]
    return {
        "mean_absolute_error": error.get_results()["mae"],
        "max_f_measure": f_results["f"]["dynamic"].max(),
        "mean_f_measure": f_results["f"]["dynamic"].mean(),
        "adaptive_f_measure": f_results["f"]["adaptive"],
        "weighted_f_measure": weighted.get_results()["wfm"],
        "s_measure": s.get_results()["sm"],
        "max_e_measure": e_results["curve"].max(),
        "mean_e_measure": e_results["curve"].mean(),
        "adaptive_e_measure": e_results["adp"],
        "precision": f_results["precision"]["binary"],
        "recall": f_results["recall"]["binary"],
        "f1": f_results["f1"]["binary"],
        "mean_f1": f_results["f1"]["dynamic"].mean(),
    }


def assert_equal_to_pysodmetrics(saliency, mask):
    ours = metrics.score(saliency, mask)
    for name, value in by_pysodmetrics(saliency.astype(np.float64), mask).items():
        # It divides by N - 1 = 0 for one pixel, and gives NaN for a centroid in the last row or
        # column; both have tests of their own in test_metrics.py.
        if not (np.isnan(value) or ("_e_" in name and mask.size == 1)):
            assert ours[name] == pytest.approx(value, abs=AGREE), name


@settings(max_examples=400)
@given(drawn_pairs())
@example((np.full((3, 5), 0.3), np.eye(3, 5, dtype=bool)))
@example((np.zeros((4, 4)), np.eye(4, dtype=bool)))
@example((np.ones((4, 4)), np.ones((4, 4), dtype=bool)))
@example((np.full((4, 4), 1 / 255), np.zeros((4, 4), dtype=bool)))
def test_any_few_pixels_score_as_by_pysodmetrics(pair):
    assert_equal_to_pysodmetrics(*pair)


@settings(max_examples=500)
@given(scene_pairs())
def test_scenes_of_any_levels_and_layout_score_as_by_pysodmetrics(pair):
    assert_equal_to_pysodmetrics(*pair)


def larger_scene(shape=(120, 150), centre=(50, 90), radius=30.0):
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    mask = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
    return np.clip(0.6 * np.roll(mask, 7, axis=1) + 0.4 * rng.random(mask.shape), 0, 1), mask


@pytest.mark.parametrize(
    "scene",
    [
        {},
        {"shape": (41, 701), "centre": (20, 30)},  # most of it beyond the reach of the distance
        {"shape": (641, 60), "centre": (630, 59), "radius": 4},
    ],
)
def test_larger_scenes_score_as_by_pysodmetrics(scene):
    saliency, mask = larger_scene(**scene)
    ours = metrics.score(saliency, mask)
    for name, value in by_pysodmetrics(saliency, mask).items():
        assert ours[name] == pytest.approx(value, abs=1e-9), name


def test_a_map_of_one_pixel_scores_as_by_pysodmetrics():
    # Means and variances of a quadrant come near the epsilon that is added to them.
    mask = np.zeros((300, 400), dtype=bool)
    mask[298, 398] = True
    saliency = mask.astype(float)
    ours = metrics.score(saliency, mask)
    for name, value in by_pysodmetrics(saliency, mask).items():
        assert ours[name] == pytest.approx(value, abs=1e-9), name
    assert ours["s_measure"] < 0.99  # so they seem less alike than they are


@pytest.mark.parametrize("depth", [1e-3, 1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize("base", [0.0, 0.4])
def test_nearly_flat_maps_score_as_by_pysodmetrics(base, depth):
    saliency, mask = larger_scene()
    nearly = base + depth * saliency
    ours = metrics.score(nearly, mask)
    for name, value in by_pysodmetrics(nearly, mask).items():
        assert ours[name] == pytest.approx(value, abs=1e-9), name
    wanted = metrics.score(saliency, mask)  # neither scale nor base matter to these
    for name in ("correlation", "nss"):
        assert ours[name] == pytest.approx(wanted[name], rel=1e-2 * 1e-12 / depth + 1e-9), name


@pytest.mark.parametrize("depth", [1e-3, 1e-6, 1e-9])
def test_a_nearly_flat_background_scores_as_by_pysodmetrics(depth):
    saliency, mask = larger_scene()
    quiet = np.where(mask, 0.2 + 0.8 * saliency, 0.1 + depth * saliency)
    ours = metrics.score(quiet, mask)
    for name, value in by_pysodmetrics(quiet, mask).items():
        assert ours[name] == pytest.approx(value, abs=1e-10), name


@settings(max_examples=150)
@given(scene_pairs(dtypes=(np.float32,)))
def test_a_float32_map_has_the_curves_pysodmetrics_gives_it(pair):
    saliency, mask = pair
    assume(np.array_equal(np.rint(saliency * 65535) / np.float32(65535), saliency))
    f = sod.FmeasureV2({"f": sod.FmeasureHandler(with_dynamic=True, with_adaptive=False)})
    e = sod.Emeasure()  # both begin at the highest threshold
    f.step(saliency, mask, normalize=False)
    assert metrics.f_measure_curve(saliency, mask) == pytest.approx(
        f.get_results()["f"]["dynamic"][::-1], abs=AGREE
    )
    if mask.size > 1:
        e.step(saliency, mask, normalize=False)
        assert metrics.e_measure_curve(saliency, mask) == pytest.approx(
            e.get_results()["em"]["curve"][::-1], abs=AGREE
        )


@settings(max_examples=300)
@given(pairs())
def test_the_curves_of_thresholds_are_those_of_pysodmetrics(pair):
    saliency, mask = pair
    handlers = {
        "f": sod.FmeasureHandler(with_dynamic=True, with_adaptive=False, beta=0.3),
        "f1": sod.FmeasureHandler(with_dynamic=True, with_adaptive=False, beta=1),
        "precision": sod.PrecisionHandler(True, False),
        "recall": sod.RecallHandler(True, False),
    }
    measure = sod.FmeasureV2(handlers)
    measure.step(saliency.astype(np.float64), mask, normalize=False)
    # Its curves begin at the highest threshold.
    wanted = {name: found["dynamic"][::-1] for name, found in measure.get_results().items()}
    ours = metrics.curves(saliency, mask)
    assert metrics.f_measure_curve(saliency, mask) == pytest.approx(wanted["f"], abs=1e-12)
    assert metrics.f1_curve(saliency, mask) == pytest.approx(wanted["f1"], abs=1e-12)
    assert ours.f_measure == pytest.approx(wanted["f"], abs=1e-12)
    if mask.any():  # it has 0 for an empty mask, and where nothing is called
        called = (saliency * 255.0).max() >= np.arange(256)
        assert ours.recall == pytest.approx(wanted["recall"], abs=1e-12)
        assert ours.precision[called] == pytest.approx(wanted["precision"][called], abs=1e-12)


@settings(max_examples=150)
@given(pairs())
def test_precision_recall_and_f1_equal_scikit_learn(pair):
    saliency, mask = pair
    called, truth = saliency.ravel() > 0.5, mask.ravel()
    wanted = [
        measure(truth, called, zero_division=0)
        for measure in (
            sklearn.metrics.precision_score,
            sklearn.metrics.recall_score,
            sklearn.metrics.f1_score,
        )
    ]
    assert metrics.precision_recall_f1(saliency, mask) == pytest.approx(tuple(wanted), abs=1e-12)


@settings(max_examples=150)
@given(pairs_of_both_kinds())
def test_precision_and_recall_curves_equal_scikit_learn_to_their_end(pair):
    saliency, mask = pair
    levels = np.floor(saliency * 255.0)
    precision, recall, thresholds = sklearn.metrics.precision_recall_curve(
        mask.ravel(), levels.ravel()
    )
    at = np.searchsorted(thresholds, np.arange(256))  # past the last: its end, 1 at recall 0
    ours = metrics.curves(saliency, mask)
    assert ours.precision == pytest.approx(precision[at], abs=1e-12)
    assert ours.recall == pytest.approx(recall[at], abs=1e-12)


@settings(max_examples=250)
@given(pairs_of_both_kinds())
def test_roc_auc_equals_scikit_learn_ties_included(pair):
    saliency, mask = pair
    wanted = sklearn.metrics.roc_auc_score(mask.ravel(), saliency.ravel())
    assert metrics.roc_auc(saliency, mask) == pytest.approx(wanted, abs=1e-12)


@settings(max_examples=150)
@given(pairs_of_both_kinds())
def test_threshold_roc_auc_is_that_of_the_map_in_256_levels(pair):
    saliency, mask = pair
    levels = np.floor(saliency.ravel() * 255.0)
    wanted = sklearn.metrics.roc_auc_score(mask.ravel(), levels)
    assert metrics.threshold_roc_auc(saliency, mask) == pytest.approx(wanted, abs=1e-12)


@settings(max_examples=200)
@given(pairs_of_both_kinds())
def test_true_positive_rate_lies_on_scikit_learns_curve(pair):
    saliency, mask = pair
    false, true, _ = sklearn.metrics.roc_curve(
        mask.ravel(), saliency.ravel(), drop_intermediate=False
    )
    ours = metrics.true_positive_rate(saliency, mask)
    # Of points one above the other np.interp takes the last, the top.
    assert ours == pytest.approx(np.interp(np.arange(257) / 256, false, true), abs=1e-12)
    assert np.all(np.diff(ours) >= 0)


def test_the_area_under_true_positive_rate_is_close_to_roc_auc():
    saliency, mask = larger_scene()
    false, true, _ = sklearn.metrics.roc_curve(mask.ravel(), saliency.ravel())
    area = np.trapezoid(metrics.true_positive_rate(saliency, mask), np.arange(257) / 256)
    assert area == pytest.approx(sklearn.metrics.auc(false, true), abs=1e-3)
    assert area == pytest.approx(metrics.roc_auc(saliency, mask), abs=1e-3)


@settings(max_examples=250)
@given(pairs_of_both_kinds())
def test_correlation_and_nss_equal_their_definitions(pair):
    saliency, mask = pair[0].astype(np.float64), pair[1]
    assume(np.ptp(saliency) >= 1e-6)  # below, rounding decides in scipy
    wanted = scipy.stats.pearsonr(saliency.ravel(), mask.ravel().astype(float)).statistic
    assert metrics.correlation(saliency, mask) == pytest.approx(wanted, abs=1e-6)
    assert metrics.nss(saliency, mask) == pytest.approx(
        scipy.stats.zscore(saliency, axis=None)[mask].mean(), abs=1e-6
    )
