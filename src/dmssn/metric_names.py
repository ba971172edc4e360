"""What the metrics are called in tables, in their order there."""

HEADINGS = {
    "mean_absolute_error": "MAE",
    "max_f_measure": "F max",
    "mean_f_measure": "F mean",
    "adaptive_f_measure": "F adp",
    "weighted_f_measure": "F wtd",
    "s_measure": "S",
    "max_e_measure": "E max",
    "mean_e_measure": "E mean",
    "adaptive_e_measure": "E adp",
    "precision": "Prec",
    "recall": "Rec",
    "f1": "F1",
    "mean_f1": "F1 avg",
    "roc_auc": "AUC",
    "threshold_roc_auc": "AUC 256",
    "correlation": "CC",
    "nss": "NSS",
}
"""Metrics of ``dmssn.metrics.score`` under their headings."""
PUBLISHED_HEADINGS = {
    "published_mean_absolute_error": "pub MAE",
    "published_precision": "pub Prec",
    "published_recall": "pub Rec",
    "published_f1": "pub F1",
    "published_auc": "pub AUC",
    "published_correlation": "pub CC",
    "published_nss": "pub NSS",
}
"""Likewise of ``dmssn.metrics.published_score``."""


def low_is_better(metric: str) -> bool:
    """Whether the best value of a metric is the lowest; of an error it is."""
    return metric.endswith("_error")
