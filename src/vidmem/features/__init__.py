"""Stage `features`: copy-detection vectors of frames and optical flow, of the corpus and of models alike."""

from vidmem.features.run import extract_features
from vidmem.features.stage import DamagedShard, corpus_chunk, model_videos, null_clips, usual_format, write_features

__all__ = [
    "DamagedShard",
    "corpus_chunk",
    "extract_features",
    "model_videos",
    "null_clips",
    "usual_format",
    "write_features",
]
