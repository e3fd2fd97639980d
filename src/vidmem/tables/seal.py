"""Tables that are not as they were written are noticed before a row of them is used, and named.

Every page of a table bears its CRC-32, as the Parquet format has it (`PageHeader.crc`), so whoever reads a part of a
large table checks that part and no more. What the pages are read by, the file's footer, bears its own SHA-256
(ours: under `KEY` among the file's metadata, taken with the digits themselves as zeros).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

KEY = b"vidmem.seal"
_BLANK = b"0" * 64
_FIELD = re.compile(re.escape(KEY + b"\x18\x40") + rb"([0-9a-f]{64})", re.DOTALL)  # thrift: a text of 64 bytes follows
_END = 8  # bytes: the footer's length and the format's mark


class DamagedTable(ValueError):
    """A table that is not as it was written; the message names it and says what to do. `why`: what is wrong with it."""

    def __init__(self, path: str | Path, why: object) -> None:
        self.why = (str(why).splitlines() or [type(why).__name__])[0]
        super().__init__(
            f"{path} is not as it was written ({self.why}). Delete it and run the same command again: it is made anew."
        )


@contextmanager
def sealed_writer(path: Path, schema: pa.Schema, **options: object) -> Iterator[pq.ParquetWriter]:
    """A Parquet writer whose pages bear their checksums; the footer bears its own once the writer is done with."""
    with pq.ParquetWriter(path, schema, write_page_checksum=True, **options) as writer:
        yield writer
        writer.add_key_value_metadata({KEY.decode(): _BLANK.decode()})
    with path.open("r+b") as file:
        start, footer = _footer(file)
        place = _FIELD.search(footer)
        assert place, "the writer was given the key"
        file.seek(start + place.start(1))
        file.write(_digest(footer, place))


@contextmanager
def opened(path: str | Path) -> Iterator[pq.ParquetFile]:
    """A table to read from. Raises `DamagedTable` where its footer, or later a page that is read, has changed.

    A table that bears no checksum is read as it is: one of before there were any.
    """
    try:
        _check_footer(Path(path))
        with pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the system's: no such file, no right to read it
            raise
        raise DamagedTable(path, error) from error


def _check_footer(path: Path) -> None:
    with path.open("rb") as file:
        try:
            _, footer = _footer(file)
        except ValueError as error:
            raise DamagedTable(path, error) from None
    place = _FIELD.search(footer)
    if place and _digest(footer, place) != place.group(1):
        raise DamagedTable(path, "the checksum of its footer differs")


def _footer(file: BinaryIO) -> tuple[int, bytes]:
    """Where the footer begins in the file, and its bytes."""
    whole = file.seek(0, 2)
    if whole < 2 * _END:
        raise ValueError("it is cut short")
    file.seek(whole - _END)
    end = file.read(_END)
    start = whole - _END - int.from_bytes(end[:4], "little")
    if end[4:] != b"PAR1" or start < 4:
        raise ValueError("it is cut short, or no table")
    file.seek(start)
    return start, file.read(whole - _END - start)


def _digest(footer: bytes, place: re.Match[bytes]) -> bytes:
    blank = footer[: place.start(1)] + _BLANK + footer[place.end(1) :]
    return hashlib.sha256(blank).hexdigest().encode()
