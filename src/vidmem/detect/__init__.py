"""Stage `detect`: detectors that read what the denoiser said while sampling, judged by the audit's verdicts."""

from vidmem.detect.run import detect, write_detect

__all__ = ["detect", "write_detect"]
