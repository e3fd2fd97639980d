"""Stage `truth`: judges the audit's own verdicts on models whose memorisation is known."""

from vidmem.truth.run import dose_response, summarise_truth, write_truth

__all__ = ["dose_response", "summarise_truth", "write_truth"]
