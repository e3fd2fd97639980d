"""Stage `truth`: judges the audit's own verdicts on models whose memorisation is known."""

from vidmem.truth.effective_size import effective_size, write_effective_size
from vidmem.truth.run import dose_response, summarise_truth, write_truth

__all__ = ["dose_response", "effective_size", "summarise_truth", "write_effective_size", "write_truth"]
