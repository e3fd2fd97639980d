"""Stage `detect`: detectors that read what the denoiser said while sampling, judged by the audit's verdicts."""

from vidmem.detect.run import detect, write_detect
from vidmem.detect.transfer import transfer, write_transfer

__all__ = ["detect", "transfer", "write_detect", "write_transfer"]
