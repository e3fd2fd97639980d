"""Text whose encoding nobody states: lines that are UTF-8 are read as that, and others in what they look like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

SAMPLE_BYTES = 1 << 18  # of lines that are not UTF-8: what the encoding is told from
MAX_LINE_BYTES = 8 << 20
# Those that captions are met in, the likelier first: with few bytes to go by, a rare one fits as well by chance.
USUAL = ["cp1252", "cp1251", "cp1250", "gb18030", "big5", "cp932", "euc_jp", "cp949", "koi8_r", "cp1253", "cp1256"]


def guess_encoding(sample: bytes) -> str:
    """The encoding (Python's name) that bytes which are not UTF-8 look most like; cp1252 where nothing fits better."""
    from charset_normalizer import from_bytes

    found = list(from_bytes(sample, cp_isolation=USUAL))
    western = next((match for match in found if "cp1252" in match.could_be_from_charset), None)
    if not found or (western and (western.chaos, -western.coherence) <= (found[0].chaos, -found[0].coherence)):
        return "cp1252"
    return found[0].encoding


def decode(data: bytes) -> tuple[str, str | None]:
    """Text, and the encoding that it was read in if that is not UTF-8. Bytes that fit nowhere become U+FFFD."""
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError:
        if _utf16(data):
            return data.decode("utf-16", errors="replace"), "utf-16"
        encoding = guess_encoding(data[:SAMPLE_BYTES])
        return data.decode(encoding, errors="replace"), encoding


def read_lines(path: Path) -> Iterator[tuple[str, str | None]]:
    """The lines of a text file with their ends, each with its encoding if that is not UTF-8.

    One file may hold both: tables are put together from parts. The other encoding is told once, from the lines that
    need it.
    """
    with path.open("rb") as file:
        if _utf16(file.read(2)):
            with path.open(encoding="utf-16", errors="replace", newline="") as text:
                yield from ((line, "utf-16") for line in text)
            return
        file.seek(0)
        other: str | None = None
        codec = "utf-8-sig"  # the mark can stand before the first line only
        while line := file.readline(MAX_LINE_BYTES):
            try:
                yield line.decode(codec), None
            except UnicodeDecodeError:
                other = other or guess_encoding(_sample(path, file.tell() - len(line)))
                yield line.decode(other, errors="replace"), other
            codec = "utf-8"


def _utf16(head: bytes) -> bool:
    return head[:2] in (b"\xff\xfe", b"\xfe\xff")


def _sample(path: Path, start: int) -> bytes:
    """Lines that are not UTF-8, from `start` on, up to `SAMPLE_BYTES` of them within 16 times as much text."""
    found, size, read = [], 0, 0
    with path.open("rb") as file:
        file.seek(start)
        while size < SAMPLE_BYTES and read < 16 * SAMPLE_BYTES and (line := file.readline(MAX_LINE_BYTES)):
            read += len(line)
            try:
                line.decode()
            except UnicodeDecodeError:
                found.append(line)
                size += len(line)
    return b"".join(found)
