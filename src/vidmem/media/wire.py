"""What a process that reads files says to the one that asked: plain values as JSON, arrays as their bytes.

Nothing is unpickled, for whoever reads hostile files may have been taken over by one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

KINDS = ("uint8", "int64", "float32", "float64")
MOST_HEAD_BYTES = 16 * 1024**2
MOST_ARRAY_BYTES = 4 * 1024**3


def send(to: Connection, values: Mapping[str, Any]) -> None:
    """Send a dict of values that JSON has, and of arrays of one of `KINDS`."""
    arrays = {key: np.ascontiguousarray(value) for key, value in values.items() if isinstance(value, np.ndarray)}
    head = {"values": {key: value for key, value in values.items() if key not in arrays}}
    head["arrays"] = {key: [array.dtype.name, array.shape] for key, array in arrays.items()}
    to.send_bytes(json.dumps(head).encode())
    for array in arrays.values():
        if array.size:
            to.send_bytes(memoryview(array).cast("B"))


def receive(source: Connection) -> dict[str, Any]:
    """What `send` sent. Raises `EOFError` or `OSError` where the other side is gone, `ValueError` for nonsense."""
    head = json.loads(source.recv_bytes(MOST_HEAD_BYTES))
    found: dict[str, Any] = dict(head["values"])
    for key, (kind, shape) in head["arrays"].items():
        if kind not in KINDS or any(side < 0 for side in shape):
            raise ValueError(f"no array: {kind} {shape}")
        if math.prod(shape) * np.dtype(kind).itemsize > MOST_ARRAY_BYTES:
            raise ValueError(f"an array of shape {shape} is too large")
        found[key] = np.empty(shape, kind)
        if found[key].size:
            source.recv_bytes_into(memoryview(found[key]).cast("B"))
    return found
