"""Probing: a range of the listing's rows with what their files hold, or why they can't be used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from vidmem import __version__
from vidmem.config.media import Limits
from vidmem.corpus.listed import joined
from vidmem.media import PROBES, Apart, MediaError, MediaInfo, MediaRef, hash_of, probe_apart
from vidmem.progress import progress
from vidmem.tables import MANIFEST, OK, SKIPPED, count_rows, iter_batches, table_writer
from vidmem.userfiles import Roots, media_path

BATCH_ROWS = 256
REMEMBERED = 100_000  # files whose other rows, with other captions, need not open them again


@dataclass(frozen=True)
class _File:
    """What is known of one file: what it holds and the hash of its bytes, or the problem."""

    info: MediaInfo | None
    sha256: str | None
    problem: str | None


def share(rows: int, chunk: int, chunks: int) -> tuple[int, int]:
    """The first row, and the one after the last, of part `chunk` (from 0) of `chunks`: neighbours stay together."""
    return rows * chunk // chunks, rows * (chunk + 1) // chunks


def write_probed(listing: Path, chunk: int, chunks: int, roots: Roots, limits: Limits, out: Path) -> None:
    """Write part `chunk` of the listing with its media columns filled; `roots` is where each source's paths begin.

    Every distinct file is decoded once. An item whose file can't be used is a `skipped` row with the reason.
    """
    start, stop = share(count_rows(listing), chunk, chunks)
    with Apart(PROBES, limits) as apart:
        _write(listing, (start, stop), roots, apart, out)


def _write(listing: Path, part: tuple[int, int], roots: Roots, apart: Apart, out: Path) -> None:
    start, stop = part
    made_by = {"stage": "corpus", "vidmem": __version__, "decoder": decoder()}

    @lru_cache(REMEMBERED)
    def inspect(corpus: str | None, path: str, offset: int | None, size: int | None) -> _File:
        return _inspect(roots, corpus, path, offset, size, apart)

    def rows() -> Iterator[dict[str, Any]]:
        for batch in iter_batches(listing, start=start, stop=stop, size=BATCH_ROWS):
            yield from batch.to_pylist()

    with table_writer(out, MANIFEST, made_by) as write:
        ready: list[Mapping[str, Any]] = []
        for row in progress(rows(), stop - start, "reading the corpus"):
            ready.append(_probed(row, inspect) if row["status"] == OK else row)
            if len(ready) == BATCH_ROWS:
                write(ready)
                ready = []
        if ready:
            write(ready)


def decoder() -> str:
    """The decoder and its version, as tables record it."""
    import av

    return f"PyAV {av.__version__}"


def _inspect(roots: Roots, corpus: str | None, path: str, offset: int | None, size: int | None, apart: Apart) -> _File:
    try:
        ref = MediaRef(media_path(roots, corpus, path), offset, size)
        return _File(probe_apart(apart, ref), hash_of(ref, apart.limits), None)
    except (MediaError, ValueError) as error:
        return _File(None, None, str(error))
    except OSError as error:
        return _File(None, None, f"can't be read: {error.strerror or error}")


def _probed(row: dict[str, Any], inspect: Any) -> dict[str, Any]:
    file: _File = inspect(row["corpus"], row["path"], row["offset"], row["size"])
    if file.info is None:
        return row | {"status": SKIPPED, "reason": joined(file.problem, row["reason"])}
    info = file.info
    return row | {
        "kind": info.kind,
        "fps": info.fps,
        "frames": info.frames,
        "width": info.width,
        "height": info.height,
        "duration_s": info.duration_s,
        "sha256": file.sha256,
    }
