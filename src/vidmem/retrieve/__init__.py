"""Stage `retrieve`: nearest-neighbour search of the whole corpus, by content and by motion."""

from vidmem.retrieve.related import excluded_clips, own_clips, relatives
from vidmem.retrieve.run import retrieve

__all__ = ["excluded_clips", "own_clips", "relatives", "retrieve"]
