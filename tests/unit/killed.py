"""Chunks that are killed in the middle, by the signal that can't be caught, in a process of their own.

The processes are forks of one server that has loaded what every pipeline needs: a kill of each family costs no start of
Python and torch.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import warnings
from functools import cache
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pipelines
import pytest

from vidmem.generate.run import generate_chunk
from vidmem.generate.shard import Partial

pipelines.families()  # the server imports this module, and with it the classes of all families, once for all forks


@cache
def _server() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with pytest.MonkeyPatch.context() as patch:  # the server looks for what it is to import on no other path
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        forkserver.ensure_running()
    return context


def kill_after_first_clip(chunk: dict[str, Any], partial: Path) -> None:
    """Run `generate_chunk(**chunk)` in another process, which dies of SIGKILL when the first clip is in `partial`.

    What it had in memory is lost, and what it had on the disk stays as it was.
    """
    process = _server().Process(target=_run, args=(chunk,))
    process.start()
    process.join(300)
    assert process.exitcode == -signal.SIGKILL, f"it was not killed: exit status {process.exitcode}"
    assert len(list(partial.glob("*.json"))) == 1, "one clip was finished"


def _run(chunk: dict[str, Any]) -> None:
    write = Partial.write

    def write_and_die(self: Partial, *args: Any) -> None:
        write(self, *args)
        os.kill(os.getpid(), signal.SIGKILL)

    Partial.write = write_and_die  # type: ignore[method-assign]
    warnings.simplefilter("ignore")
    generate_chunk(**chunk)
