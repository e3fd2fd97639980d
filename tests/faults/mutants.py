"""Damaged copies of sound videos, the same ones for the same seed: headers, sizes, data, ends."""

from __future__ import annotations

import numpy as np

Random = np.random.Generator
EXTREMES = (0, 1, 7, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutant(data: bytes, rng: Random) -> bytes:
    """A copy of a file with one to three faults; never the file itself."""
    made = data
    while made == data:
        for _ in range(int(rng.integers(1, 4))):
            made = WAYS[int(rng.integers(len(WAYS)))](made, rng) or data[:1]
    return made


def _header(data: bytes, rng: Random) -> bytes:
    """Bytes of the first 256, or of the last 1024 (where an mp4's index lies), are others."""
    made = bytearray(data)
    first = 0 if rng.random() < 0.5 else max(len(data) - 1024, 0)
    for _ in range(int(rng.integers(1, 9))):
        made[min(first + int(rng.integers(256 if not first else 1024)), len(data) - 1)] = int(rng.integers(256))
    return bytes(made)


def _size(data: bytes, rng: Random) -> bytes:
    """A number of 2 or 4 bytes, of either order, is an extreme one; mostly where a box or chunk has its size."""
    made, width = bytearray(data), int(rng.choice([2, 4, 4]))
    names = [i for i in range(4, min(len(data), 1 << 16) - 12) if data[i : i + 4].isalpha()]
    names += [i for i in range(max(len(data) - 2048, 4), len(data) - 12) if data[i : i + 4].isalpha()]
    at = int(rng.choice(names)) + int(rng.choice([-4, 4, 8])) if names else int(rng.integers(max(len(data) - 4, 1)))
    value = EXTREMES[int(rng.integers(len(EXTREMES)))] & ((1 << 8 * width) - 1)
    made[at : at + width] = value.to_bytes(width, "big" if rng.random() < 0.5 else "little")
    return bytes(made)


def _bits(data: bytes, rng: Random) -> bytes:
    made = bytearray(data)
    for at in rng.integers(len(data), size=int(rng.integers(1, 40))):
        made[at] ^= 1 << int(rng.integers(8))
    return bytes(made)


def _cut(data: bytes, rng: Random) -> bytes:
    return data[: int(rng.integers(1, len(data)))] if len(data) > 1 else data


def _hole(data: bytes, rng: Random) -> bytes:
    """A part is missing, twice there, or zeros."""
    low, length = int(rng.integers(len(data))), int(rng.integers(1, 2000))
    part = data[low : low + length]
    return data[:low] + [b"", part * 2, bytes(len(part))][int(rng.integers(3))] + data[low + length :]


WAYS = (_header, _size, _size, _bits, _cut, _hole)
