"""Features: what every video, generated or reference, is compared by."""

from vidmem.features.run import extract_features

__all__ = ["extract_features"]
