"""Saliency metrics of one image.

A saliency map is float in [0, 1] and a mask is bool (True is salient), both of shape (H, W).
``*_error``: lower is better; every other: higher is better. A map is scored as it is: nothing
stretches it to [0, 1] first, since a detector that is never sure should not look as if it were.
docs/metrics.md writes every formula out and lists what each metric gives for empty masks, flat
maps and the like.

`score` gives all of them. Each can be had alone, as ``NAME(saliency, mask, counted=None)``, where
``counted`` is False at pixels whose truth is not known.
"""

from dmssn.metrics.agreement import correlation, mean_absolute_error, nss
from dmssn.metrics.alignment import adaptive_e_measure, e_measure_curve
from dmssn.metrics.pair import EPSILON, LEVELS, Counts, FloatMap, Mask
from dmssn.metrics.published import published_score, stretched
from dmssn.metrics.ranking import roc_auc, threshold_roc_auc, true_positive_rate
from dmssn.metrics.scores import Curves, curves, score, score_and_curves
from dmssn.metrics.structure import s_measure
from dmssn.metrics.thresholds import (
    BETA_SQUARED,
    adaptive_f_measure,
    f1_curve,
    f_measure_curve,
    precision_recall_f1,
)
from dmssn.metrics.weighted import weighted_f_measure

__all__ = [
    "BETA_SQUARED",
    "EPSILON",
    "LEVELS",
    "Counts",
    "Curves",
    "FloatMap",
    "Mask",
    "adaptive_e_measure",
    "adaptive_f_measure",
    "correlation",
    "curves",
    "e_measure_curve",
    "f1_curve",
    "f_measure_curve",
    "mean_absolute_error",
    "nss",
    "precision_recall_f1",
    "published_score",
    "roc_auc",
    "s_measure",
    "score",
    "score_and_curves",
    "stretched",
    "threshold_roc_auc",
    "true_positive_rate",
    "weighted_f_measure",
]
