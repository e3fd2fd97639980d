"""Stage `metrics`: scores, p-values and verdicts of every generated video."""

from vidmem.metrics.run import write_metrics
from vidmem.metrics.thresholds import Calibration, calibrate

__all__ = ["Calibration", "calibrate", "write_metrics"]
