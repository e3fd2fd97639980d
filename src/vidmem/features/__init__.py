"""Stage `features`: copy-detection vectors of frames and optical flow, of the corpus and of models alike."""

from vidmem.features.run import extract_features
from vidmem.features.stage import corpus_chunk, null_clips, usual_format, write_features

__all__ = ["corpus_chunk", "extract_features", "null_clips", "usual_format", "write_features"]
