"""Stage `retrieve`: nearest-neighbour search of the whole corpus, by content and by motion."""

from vidmem.retrieve.index import write_indices
from vidmem.retrieve.related import alike_clips, excluded_clips, own_clips, relatives
from vidmem.retrieve.run import retrieve

__all__ = ["alike_clips", "excluded_clips", "own_clips", "relatives", "retrieve", "write_indices"]
