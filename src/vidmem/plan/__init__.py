"""The plan of an audit: which files each stage reads and writes, cut into which chunks, with which settings.

The Snakefile and its rules hold no logic; what they need to know while they are parsed they ask here. So this package
is light (no torch, no tables read), and is tested like any other. Results-path grammar:

    results/<audit>/<stage>/<subject>/<chunk>.<ext>      subject = a model's name or `corpus`
    results/<audit>/<stage>/<subject>.parquet            a stage that is not cut into chunks
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidmem.config import ConfigError
from vidmem.plan.plan import Plan

__all__ = ["Plan", "plan_or_exit", "share_library", "writable_or_exit"]


def plan_or_exit(config: Mapping[str, Any]) -> Plan:
    """The plan, or the end of the run with one line that says what is wrong in the config."""
    try:
        return Plan(config)
    except (ConfigError, ValueError) as error:
        raise SystemExit(f"vidmem: {error}") from None


def writable_or_exit(results: str) -> None:
    """Nothing, or the end of the run with one line that names the folder that results can't be written to.

    Looked at are the folder `results` of an audit and the stages' in it, or the folder that they will be made in.
    """
    folder = Path(results)
    while not folder.exists():
        folder = folder.parent
    inside = [path for path in folder.glob("*/") if path.is_dir()] if folder == Path(results) else []
    for path in (folder, *sorted(inside)):
        if not os.access(path, os.W_OK | os.X_OK):
            raise SystemExit(
                f"vidmem: {path.resolve()} can't be written to. Make it so, or run with --directory elsewhere"
            )


def share_library() -> None:
    """Let jobs import this checkout's library, whichever environment they run in, so that none has to install it.

    Jobs that run in conda are denied PYTHONPATH by Snakemake, but handed its search path, where the Snakefile put us.
    """
    source = str(Path(__file__).parents[2])
    others = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and p != source]
    os.environ["PYTHONPATH"] = os.pathsep.join([source, *others])
