"""Readers that break down in every way a decoder can, for `vidmem.media.Apart`; asked for nothing, they read."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from typing import Any

from vidmem.config.media import Limits
from vidmem.media import MediaError, MediaRef, hash_of
from vidmem.media.reader import SPARE_MB


def read(ref: MediaRef, limits: Limits, how: str = "") -> dict[str, Any]:
    """The file's hash, or the breakdown that is called `how`."""
    if how == "abort":
        os.abort()
    if how == "wild pointer":
        ctypes.string_at(1)
    if how == "exit":
        os._exit(3)
    if how == "eat at once":
        bytearray((limits.max_memory_mb + SPARE_MB) * 1024**2 + 1)
    if how == "eat slowly":
        held = []
        while True:
            held.append(bytes(1024**2))
    if how == "spin":
        while True:
            pass
    if how == "hang":
        time.sleep(3600)
    if how == "talk":  # as a library that prints
        sys.stdout.write("a word on standard output\n")
        sys.stdout.flush()
    if how == "nonsense":
        for descriptor in range(3, 1024):
            try:
                os.write(descriptor, b"\0\0\0\5{]!?" * 20)
            except OSError:
                continue
    if how == "raise":
        raise RuntimeError("no decoder should")
    if how == "refuse":
        raise MediaError("not a video or image")
    return {"sha256": hash_of(ref, limits)}
