"""WebDataset tars, as video2dataset and img2dataset write them: samples of files that share a name up to its first dot.

Beside `00000.tar` may lie `00000.parquet`, a row for every sample that was asked for, also those that could not be
fetched, and `00000_stats.json`, which counts them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from vidmem.corpus.listed import Listed, joined
from vidmem.corpus.readers.tar import Member, members
from vidmem.encoding import decode
from vidmem.userfiles import IMAGE_SUFFIXES, VIDEO_SUFFIXES, find_shards

MAX_TEXT_BYTES = 16 << 20
ALIKE = " of the sample: left out, for it has a video"
Captions = list[tuple[str | None, str | None]]  # each with what is to be said of it


@dataclass
class _Sample:
    """Files of one key: media by suffix, and texts by suffix."""

    key: str
    media: dict[str, Member] = field(default_factory=dict)
    texts: dict[str, Member] = field(default_factory=dict)

    def holds(self, suffix: str) -> bool:
        return suffix in self.media or suffix in self.texts


@dataclass(frozen=True)
class _Row:
    """What the Parquet file beside a tar says of a sample."""

    captions: Captions
    fault: str


def read_webdataset(folder: Path, caption_keys: Sequence[str]) -> Iterator[Listed]:
    """The samples of all tars below a folder, by shard and place; ids are `<shard>/<key>`.

    A sample without a video or image, one that is only in the tables beside the tar, and the rest of a tar that is cut
    short are listed with the reason. A second caption of a sample is an item of its own, under the same id.
    """
    shards = find_shards(folder, ".tar")
    if not shards:
        raise ValueError(f"{folder}: no .tar in this folder")
    for shard in shards:
        yield from _read_shard(folder, shard, caption_keys)


def _read_shard(folder: Path, shard: str, caption_keys: Sequence[str]) -> Iterator[Listed]:
    path, name = folder / shard, shard.removesuffix(PurePosixPath(shard).suffix)
    told, fault = _told(path.with_suffix(".parquet"), caption_keys)
    if fault:
        yield Listed(f"{name}.parquet", None, None, fault)
    seen: set[str] = set()
    samples = 0
    try:
        with path.open("rb") as file:
            for found in _samples(path):
                if isinstance(found, Member):
                    yield Listed(f"{name}/{found.name}" if found.name else name, shard, None, found.problem)
                    continue
                samples += 1
                seen.add(found.key)
                yield from _items(name, shard, found, file, caption_keys, told.get(found.key))
    except OSError as error:
        yield Listed(name, shard, None, f"can't be read: {error.strerror or error}")
    for key, row in told.items():
        if key not in seen:
            caption = row.captions[0][0] if row.captions else None
            yield Listed(f"{name}/{key}", None, caption, f"not in the tar: {row.fault}")
    if not told and not fault:
        yield from _short_of(path.with_name(f"{path.stem}_stats.json"), name, samples)


def _samples(path: Path) -> Iterator[_Sample | Member]:
    """Samples whole, in the tar's order, and members that belong to none: links, and where the tar ends early."""
    sample: _Sample | None = None
    for member in members(path):
        where = PurePosixPath(member.name)
        stem, _, suffix = where.name.partition(".")
        key, suffix = (where.parent / stem).as_posix(), "." + suffix.lower()
        if member.problem or not stem:
            if member.problem:
                yield member
            continue
        if sample is not None and (sample.key != key or sample.holds(suffix)):
            yield sample
            sample = None
        sample = sample or _Sample(key)
        kind = "." + suffix.rsplit(".", 1)[1]
        (sample.media if kind in VIDEO_SUFFIXES | IMAGE_SUFFIXES else sample.texts)[suffix] = member
    if sample is not None:
        yield sample


def _items(
    name: str, shard: str, sample: _Sample, file: BinaryIO, caption_keys: Sequence[str], told: _Row | None
) -> Iterator[Listed]:
    item_id = f"{name}/{sample.key}"
    captions, fault = _captions(sample, file, caption_keys)
    captions = captions or (told.captions if told else [])
    videos = {s: m for s, m in sample.media.items() if "." + s.rsplit(".", 1)[1] in VIDEO_SUFFIXES}
    media = videos or sample.media
    beside = f"{', '.join(sorted(set(sample.media) - set(videos)))}{ALIKE}" if len(media) < len(sample.media) else None
    if not media:
        yield Listed(item_id, shard, captions[0][0] if captions else None, "no video or image in the sample", fault)
    for suffix, member in media.items():
        own = item_id if len(media) == 1 else item_id + suffix
        for caption, note in captions or [(None, None)]:
            yield Listed(own, shard, caption, None, joined(note, fault, beside), member.offset, member.size)


def _captions(sample: _Sample, file: BinaryIO, caption_keys: Sequence[str]) -> tuple[Captions, str | None]:
    """Distinct captions of a sample, from its .txt and then its .json; and what is wrong with those, if anything."""
    found: dict[str, str | None] = {}
    fault = None
    for suffix in (".txt", ".json"):
        member = sample.texts.get(suffix)
        if member is None:
            continue
        if member.size > MAX_TEXT_BYTES:
            fault = f"its {suffix} has {member.size} bytes: not read"
            continue
        file.seek(member.offset)
        text, encoding = decode(file.read(member.size))
        note = f"not UTF-8: read as {encoding}" if encoding else None
        if suffix == ".txt":
            found.setdefault(text.strip(), note)
            continue
        try:
            record = json.loads(text)
            found |= {c: found.get(c, note) for c in _texts(record, caption_keys)}
        except (ValueError, RecursionError):
            fault = "its .json can't be read"
    found.pop("", None)
    return [(text, note) for text, note in found.items()], fault


def _texts(record: Any, keys: Sequence[str]) -> list[str]:
    """Captions in a record under one of `keys`: a text, or a list of them."""
    found: list[str] = []
    for key in keys:
        value = record.get(key) if isinstance(record, Mapping) else None
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and text.strip():
                found.append(text.strip())
    return found


def _told(path: Path, caption_keys: Sequence[str]) -> tuple[dict[str, _Row], str | None]:
    """The rows of the Parquet file beside a tar, by key, and what is wrong with that file; it may be missing."""
    if not path.is_file():
        return {}, None
    try:
        names = pq.read_schema(path).names
        wanted = [n for n in ("key", "status", "error_message", *caption_keys) if n in names]
        rows = pq.read_table(path, columns=wanted, partitioning=None).to_pylist() if "key" in names else []
    except (pa.ArrowException, OSError) as error:
        return {}, f"not readable as Parquet ({str(error).splitlines()[0]})"
    return {str(row["key"]): _row(row, caption_keys) for row in rows if row["key"] is not None}, None


def _row(row: Mapping[str, Any], caption_keys: Sequence[str]) -> _Row:
    status = str(row.get("status") or "unknown")
    fault = str(row.get("error_message") or status).splitlines()[0][:200]
    return _Row(
        [(text, None) for text in dict.fromkeys(_texts(row, caption_keys))],
        f"the table beside it says {fault!r}",
    )


def _short_of(stats: Path, name: str, samples: int) -> Iterator[Listed]:
    """A row for samples that the count beside a tar promises and the tar lacks, where no table names them."""
    try:
        counted = json.loads(stats.read_bytes()).get("successes")
    except (OSError, ValueError, AttributeError):
        return
    if isinstance(counted, int) and counted > samples:
        yield Listed(
            f"{name}/{stats.name}", None, None, f"the tar holds {samples} of the {counted} samples counted here"
        )
