"""Stage `features`: copy-detection vectors of frames and optical flow, of the corpus and of models alike."""

from typing import TYPE_CHECKING

from vidmem.lazy import loads

if TYPE_CHECKING:
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

# The process that decodes needs `features.sampling` alone, and each job starts some.
__getattr__ = loads(__name__, {**dict.fromkeys(__all__, "stage"), "extract_features": "run"})
