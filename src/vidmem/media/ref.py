"""What a media file is to the rest of the project: where its bytes lie, what it holds, and why it can't be read."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from vidmem.config.media import Limits

CHANGED = "its bytes are not those that were listed"
Kind = Literal["video", "image"]


class MediaError(Exception):
    """A file that can't be used; the message is the short reason a person reads in the report."""


@dataclass(frozen=True)
class MediaRef:
    """A whole file, or with `offset` and `size` (bytes) a range of it, such as a member of a tar.

    With `offset` alone it is a cell of a Parquet file: `path` is `<file>.parquet/<column>`, `offset` the row's number.
    Where `sha256` is given (hexadecimal), other bytes are refused.
    """

    path: Path
    offset: int | None = None
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class MediaInfo:
    """What a file holds. `fps` is the mean rate, None where one picture leaves it undefined; sides in pixels."""

    kind: Kind
    fps: float | None
    frames: int
    width: int
    height: int
    duration_s: float


@dataclass(frozen=True)
class Clip:
    """Decoded frames: uint8 RGB of shape (N, H, W, 3), and their times in seconds from the first, shape (N,)."""

    frames: npt.NDArray[np.uint8]
    times_s: npt.NDArray[np.float64]
    info: MediaInfo


class Window(io.RawIOBase):
    """A bounded, seekable, read-only view of the bytes [offset, offset + size) of an open file."""

    def __init__(self, file: io.BufferedReader | io.BytesIO, offset: int, size: int) -> None:
        super().__init__()
        self._file, self._offset, self.size, self._at = file, offset, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("seek before the start")
        self._at = base + offset
        return self._at

    def read(self, count: int | None = -1) -> bytes:
        left = max(self.size - self._at, 0)
        count = left if count is None or count < 0 else min(count, left)
        self._file.seek(self._offset + self._at)
        data = self._file.read(count)
        self._at += len(data)
        return data

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def open_window(ref: MediaRef, limits: Limits) -> Iterator[Window]:
    """The bytes of `ref`, at their beginning.

    Raises `MediaError` for missing, empty, too large files, ranges outside the file, and other bytes than `ref` names.
    """
    with _window(ref, limits) as file:
        if ref.sha256 is not None and ref.sha256 != _hash(file):
            raise MediaError(CHANGED)
        file.seek(0)
        yield file


@contextmanager
def _window(ref: MediaRef, limits: Limits) -> Iterator[Window]:
    if ref.offset is not None and ref.size is None:
        data = _cell(ref)
        yield _bounded(io.BytesIO(data), 0, len(data), limits)
        return
    try:
        if not ref.path.is_file() and ref.path.exists():  # a named pipe would never give an end
            raise MediaError("can't be opened: no regular file")
        file = ref.path.open("rb")
    except FileNotFoundError:
        raise MediaError("file not found") from None
    except OSError as error:
        raise MediaError(f"can't be opened: {error.strerror or error}") from None
    with file:
        whole = os.fstat(file.fileno()).st_size
        offset = ref.offset or 0
        size = whole - offset if ref.size is None else ref.size
        if offset < 0 or size < 0 or offset + size > whole:
            raise MediaError("byte range lies outside its file")
        yield _bounded(file, offset, size, limits)


def _bounded(file: io.BufferedReader | io.BytesIO, offset: int, size: int, limits: Limits) -> Window:
    if size == 0:
        raise MediaError("empty file")
    if size > limits.max_bytes:
        raise MediaError(f"{size} bytes are more than {limits.max_bytes}")
    return Window(file, offset, size)


def _cell(ref: MediaRef) -> bytes:
    from pyarrow import ArrowException

    from vidmem.media.cells import is_cell, read_cell

    assert ref.offset is not None
    if not is_cell(ref.path):
        raise MediaError("file not found")
    try:
        return read_cell(ref.path, ref.offset)
    except LookupError as error:
        raise MediaError(str(error.args[0])) from None
    except (ArrowException, OSError) as error:
        raise MediaError(f"damaged: the Parquet file can't be read ({str(error).splitlines()[0]})") from None


def hash_of(ref: MediaRef, limits: Limits) -> str:
    """SHA-256 of the bytes, hexadecimal. Raises `MediaError` as `open_window` does."""
    with open_window(ref, limits) as file:
        return _hash(file)


def _hash(file: Window) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
