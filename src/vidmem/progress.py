"""Progress of long work: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

LINE_EVERY_S = 10.0


def progress[T](items: Iterable[T], total: int | None, what: str) -> Iterator[T]:
    """Yield `items`, showing what, how many of how many, the rate, and the time left (`total` None: not known)."""
    if sys.stderr.isatty():
        yield from _bar(items, total, what)
    else:
        yield from _lines(items, total, what)


def _bar[T](items: Iterable[T], total: int | None, what: str) -> Iterator[T]:
    columns: list[ProgressColumn] = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, transient=False) as bar:
        task = bar.add_task(what, total=total, rate="")
        start = time.monotonic()
        for done, item in enumerate(items, 1):
            yield item
            bar.update(task, advance=1, rate=_rate(done, start))


def _lines[T](items: Iterable[T], total: int | None, what: str) -> Iterator[T]:
    start = last = time.monotonic()
    done = 0
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= LINE_EVERY_S:
            print(f"{what}: {_so_far(done, total, start)}", file=sys.stderr, flush=True)
            last = now
    of = f" of {total}" if total is not None else ""
    print(f"{what}: {done}{of} in {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True)


def _so_far(done: int, total: int | None, start: float) -> str:
    if total is None:
        return f"{done}, {_rate(done, start)}"
    left = (total - done) * (time.monotonic() - start) / done
    return f"{done} of {total}, {_rate(done, start)}, {left:.0f} s left"


def _rate(done: int, start: float) -> str:
    return f"{done / max(time.monotonic() - start, 1e-9):.1f}/s"
