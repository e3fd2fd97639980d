"""Which container a file is, told by its bytes, and whether the file ends before its container does.

The suffix is never believed. FFmpeg is only ever told one of four demuxers: left to guess, it would also take
playlists and scripts, which open other files.
"""

from __future__ import annotations

import os

from vidmem.media.ref import MediaError, Window

DEMUXERS = {"mp4": "mov", "matroska": "matroska", "avi": "avi", "gif": "gif"}
PICTURES = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "bmp": "BMP", "tiff": "TIFF"}
STILL_IF_SINGLE = {"gif", *PICTURES}  # one frame of these is an image, not a video

_MAGIC = (
    (b"\x1a\x45\xdf\xa3", "matroska"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"BM", "bmp"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
)
_FIRST_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"}


def sniff(file: Window) -> str:
    """The container's name, a key of `DEMUXERS` or `PICTURES`. Raises `MediaError` for anything else."""
    file.seek(0)
    head = file.read(16)
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"WEBP"):
        return "avi" if head[8:12] == b"AVI " else "webp"
    if head[4:8] in _FIRST_BOXES:
        return "mp4"
    raise MediaError("not a video or image")


def check_whole(file: Window, container: str) -> None:
    """Raise `MediaError("truncated: ...")` where the container says that it is longer than the file."""
    check = {
        "mp4": _check_boxes,
        "matroska": _check_segment,
        "avi": _check_riff,
        "webp": _check_riff,
        "gif": _check_gif,
    }
    if container in check:
        check[container](file)
    file.seek(0)


def _cut(part: str, missing: int) -> MediaError:
    return MediaError(f"truncated: the file ends inside its {part}, {missing} bytes are missing")


def _check_boxes(file: Window) -> None:
    """Walk the top-level boxes of ISO base media (ISO/IEC 14496-12, 4.2)."""
    at, seen = 0, set()
    while at + 8 <= file.size:
        file.seek(at)
        head = file.read(16)
        size, kind = int.from_bytes(head[:4]), head[4:8]
        if size == 1 and len(head) == 16:
            size = int.from_bytes(head[8:16])
        elif size == 0:
            size = file.size - at
        if size < 8 or not (kind.isascii() and kind.decode("ascii").isprintable()):
            break  # not a box: bytes that someone appended
        seen.add(kind)
        if at + size > file.size:
            raise _cut(f"{kind.decode('ascii')!r} box", at + size - file.size)
        at += size
    if b"moov" not in seen:
        raise MediaError("truncated: the file has no index ('moov' box)")


def _check_segment(file: Window) -> None:
    """The Matroska segment's size, if it is known, against the file's (RFC 8794, 9794)."""
    file.seek(4)
    size, _ = _vint(file)
    file.seek(file.tell() + size)
    if file.read(4) != b"\x18\x53\x80\x67":
        raise MediaError("truncated: the file ends before its segment")
    size, unknown = _vint(file)
    if not unknown and file.tell() + size > file.size:
        raise _cut("segment", file.tell() + size - file.size)


def _vint(file: Window) -> tuple[int, bool]:
    """An EBML number, and whether it is the code for 'unknown'."""
    first = file.read(1)
    if not first or not first[0]:
        raise MediaError("truncated: the header is not complete")
    length = 9 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0xFF >> length)]) + file.read(length - 1))
    return value, value == (1 << 7 * length) - 1


def _check_riff(file: Window) -> None:
    file.seek(4)
    end = 8 + int.from_bytes(file.read(4), "little")
    if end > file.size:
        raise _cut("RIFF chunk", end - file.size)


def _check_gif(file: Window) -> None:
    file.seek(max(file.size - 1024, 0), os.SEEK_SET)
    if not file.read().rstrip(b"\x00").endswith(b";"):
        raise MediaError("truncated: the GIF's end mark is missing")


_CHECKS = {"mp4": _check_boxes, "matroska": _check_segment, "avi": _check_riff, "webp": _check_riff, "gif": _check_gif}
