"""Stage `retrieve`: nearest-neighbour search of the whole corpus, by content and by motion."""

from vidmem.retrieve.run import own_clips, relatives, retrieve

__all__ = ["own_clips", "relatives", "retrieve"]
