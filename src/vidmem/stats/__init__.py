"""Statistics that stages share: ROC, intervals, null distributions, and multiple testing.

Functions take numpy arrays, are deterministic (seeded), and give `None` where a number does not exist (an AUC
of one class, a rate of nothing), so that no NaN reaches a table.
"""

from vidmem.stats.frechet import frechet_distance, shrunk_covariance
from vidmem.stats.intervals import auc_interval, binomial_interval, bootstrap_ci
from vidmem.stats.multiple import benjamini_hochberg
from vidmem.stats.null import Null, TooFewNull, null_needed
from vidmem.stats.resampled import Resampled, group_weights, quantile_interval, resampled_roc
from vidmem.stats.roc import auc, auc_difference, best_accuracy, precision_recall, roc, tpr_at_fpr
from vidmem.stats.tail import ExponentialTail, exponential_p_value

__all__ = [
    "ExponentialTail",
    "Null",
    "Resampled",
    "TooFewNull",
    "auc",
    "auc_difference",
    "auc_interval",
    "benjamini_hochberg",
    "best_accuracy",
    "binomial_interval",
    "bootstrap_ci",
    "exponential_p_value",
    "frechet_distance",
    "group_weights",
    "null_needed",
    "precision_recall",
    "quantile_interval",
    "resampled_roc",
    "roc",
    "shrunk_covariance",
    "tpr_at_fpr",
]
