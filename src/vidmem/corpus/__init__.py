"""The stage `corpus`: from folders, tables and shards to one manifest, in three steps that each stream.

`write_listing` says what there is, `write_probed` what a part of the files hold, `write_manifest` puts it together.
"""

from vidmem.corpus.listing import write_listing
from vidmem.corpus.manifest import make_manifest, write_manifest
from vidmem.corpus.probe import write_probed

__all__ = ["make_manifest", "write_listing", "write_manifest", "write_probed"]
