"""Threads that share the work of a job: each reads one video, or runs the network on one batch, on a core of its own.

A network that splits one batch among its own threads makes all of them wait for the slowest, and for the core that a
decoder holds. Here every thread takes a whole task and computes it alone, so n threads are n cores at work, and
no result depends on how many there are. A network on a GPU has a thread of its own, which feeds it while the others
decode. The heavy parts (FFmpeg, OpenCV, ONNX Runtime, torch) all release Python's lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

AHEAD = 2  # tasks a thread that are begun before their results are taken: none is idle, and memory stays bounded


class Workers:
    """A context of `threads` threads for videos and batches; with `gpu` batches go to one more thread of their own."""

    def __init__(self, threads: int, *, gpu: bool = False) -> None:
        self.most_waiting = AHEAD * threads
        self._pool = ThreadPoolExecutor(threads, "features")
        self._network = ThreadPoolExecutor(1, "network") if gpu else self._pool

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for pool in (self._pool, self._network):
            pool.shutdown(cancel_futures=True)

    def in_order[A, B](self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """`work` of each item, in the items' order; what it raises is raised here, at its item's turn."""
        waiting: deque[Future[B]] = deque()
        for item in items:
            waiting.append(self._pool.submit(work, item))
            if len(waiting) > self.most_waiting:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def network[A, B](self, work: Callable[[A], B], item: A) -> Future[B]:
        """Begin the network's `work` on one batch."""
        return self._network.submit(work, item)
