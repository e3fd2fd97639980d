"""Which GPU a job takes: jobs that run at once on one machine take one each.

A cluster shows each job its own GPU. Where jobs see several (`snakemake --resources gpu=4` on one machine), each holds
a lock on the one that it uses until it ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch


@cache
def own_gpu() -> str:
    """The torch device of this process' GPU, such as `cuda:1`: the same one each time."""
    names = [str(torch.cuda.get_device_properties(n).uuid) for n in range(torch.cuda.device_count())]
    return f"cuda:{claim(names)}"


def claim(names: Sequence[str], folder: Path | None = None) -> int:
    """Index of the first of the GPUs called `names` that no other process holds, now held by this one until it ends.

    Where all are held, it is one that others use too: which one follows from the process' number. `folder` is where the
    locks lie.
    """
    if len(names) <= 1:
        return 0
    where = folder or Path(tempfile.gettempdir()) / f"vidmem-gpus-{os.getuid()}"
    where.mkdir(mode=0o700, exist_ok=True)
    for index, name in enumerate(names):
        path = where / f"{re.sub('[^A-Za-z0-9-]', '_', name)}.lock"
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return index  # the lock stays open, and so held
    return os.getpid() % len(names)
