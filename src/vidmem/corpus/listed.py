"""One item as a reader lists it, before its file is opened."""

from __future__ import annotations

from typing import NamedTuple


class Listed(NamedTuple):
    """An item of one source: what it is called there, where its bytes lie, and what is to be said of it.

    `path` is relative to the source's folder, POSIX, without '..'; None where there is no file inside the folder. With
    `offset` and `size`, or `offset` alone, it is a part of that file, as `tables.MANIFEST` says. `problem` is why it
    can't be used, where that shows without opening it; `note` is what was done to it, or about it, that is no obstacle.
    """

    item_id: str
    path: str | None
    caption: str | None
    problem: str | None = None
    note: str | None = None
    offset: int | None = None
    size: int | None = None


def joined(*notes: str | None) -> str | None:
    """Notes as one, None where there are none."""
    return "; ".join(note for note in notes if note) or None
