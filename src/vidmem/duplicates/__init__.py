"""Duplicates within the corpus: captions, content and movement that stand in it more than once."""

from vidmem.duplicates.run import write_duplicates

__all__ = ["write_duplicates"]
