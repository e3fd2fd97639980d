"""The files in a tar, where they lie: nothing is unpacked, and no link is followed."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

BLOCK = tarfile.BLOCKSIZE
_UNREADABLE = (tarfile.TarError, OSError, ValueError, EOFError)


class Member(NamedTuple):
    """A file in a tar: its name, the range of bytes that it takes there, or why it can't be read.

    Where the tar itself is at fault the name is that of the member it ends in, or empty.
    """

    name: str
    offset: int
    size: int
    problem: str | None = None


def members(path: Path) -> Iterator[Member]:
    """The files of a tar in their order, no folders. A tar that ends early gives a last one that says so."""
    try:
        whole = path.stat().st_size
        tar = tarfile.open(path, "r:", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed below
    except _UNREADABLE as error:
        yield Member("", 0, 0, f"not readable as a tar ({_plain(error)})")
        return
    with tar:
        try:
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined] # a shard's members would gather there
                if info.isreg() and info.offset_data + info.size > whole:
                    missing = info.offset_data + info.size - whole
                    yield Member(info.name, 0, 0, f"the tar is cut short: {missing} bytes of this file are missing")
                    return
                if not info.isdir():
                    yield Member(info.name, info.offset_data, info.size, _refused(info))
        except _UNREADABLE as error:
            yield Member("", 0, 0, f"the tar is damaged or cut short ({_plain(error)})")
            return
        if not _ends_here(path, tar.offset):
            yield Member("", 0, 0, "the tar is cut short: it has no end mark")


def _refused(info: tarfile.TarInfo) -> str | None:
    if info.issym() or info.islnk():
        return "a link in the tar: not followed"
    if not info.isreg():
        return "no regular file"
    return "a sparse file in the tar: its bytes do not lie together" if info.issparse() else None


def _ends_here(path: Path, offset: int) -> bool:
    """Whether a block of zeros follows: what `tarfile` stops at without a word may be anything else."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(BLOCK) == bytes(BLOCK)


def _plain(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
