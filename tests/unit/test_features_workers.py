"""Threads that share a job's work: results in the items' order, few under way at once, errors at their turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from vidmem.features.workers import AHEAD, Workers


def test_results_come_in_the_order_of_the_items_whatever_ends_first() -> None:
    second_is_done = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert second_is_done.wait(10)
        if item == 1:
            second_is_done.set()
        return item * item

    with Workers(2) as workers:
        assert list(workers.in_order(work, range(5))) == [0, 1, 4, 9, 16]


def test_no_more_items_are_taken_than_may_wait() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    with Workers(2) as workers:
        found = workers.in_order(abs, items())
        assert next(found) == 0
        assert len(taken) == 2 * AHEAD + 1


def test_an_error_is_raised_at_its_item_and_ends_the_work() -> None:
    with Workers(2) as workers, pytest.raises(ZeroDivisionError):
        found = workers.in_order(lambda item: 1 // item, [1, 0, 1])
        assert next(found) == 1
        next(found)


def test_a_network_on_a_gpu_has_a_thread_of_its_own() -> None:
    def name(_: int) -> str:
        return threading.current_thread().name

    with Workers(1, gpu=True) as workers:
        assert workers.network(name, 0).result().startswith("network")
        assert next(workers.in_order(name, [0])).startswith("features")
    with Workers(1) as workers:
        assert workers.network(name, 0).result().startswith("features")
