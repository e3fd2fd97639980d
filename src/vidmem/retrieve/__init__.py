"""Stage `retrieve`: nearest-neighbour search of the whole corpus, by content and by motion."""

from vidmem.retrieve.related import own_clips, relatives
from vidmem.retrieve.run import retrieve

__all__ = ["own_clips", "relatives", "retrieve"]
