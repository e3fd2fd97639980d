"""The stage `corpus`: from a folder and a captions table to one manifest."""

from vidmem.corpus.manifest import make_manifest, read_manifest, write_manifest

__all__ = ["make_manifest", "read_manifest", "write_manifest"]
