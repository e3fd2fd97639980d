"""The switch of the search index: which jobs it adds, and what a change of it reruns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

CONFIG: dict[str, Any] = {
    "audit": "indexed",
    "corpus": {"kind": "made"},
    "features": {"corpus_chunks": 3},
    "models": {"replay": {"kind": "replay", "copies": 4, "unrelated": 2}},
}


@pytest.mark.parametrize("kind", ["fp16", "ivf", "ivfpq"])
def test_an_index_is_built_of_every_chunk_where_the_config_asks_for_one(
    make_workflow: Callable[..., Any], kind: str
) -> None:
    exact = make_workflow(CONFIG).planned()
    assert "index_corpus" not in exact and exact["retrieve"] == exact["retrieve_null"] == 1
    indexed = make_workflow({**CONFIG, "retrieve": {"index": kind, "nprobe": 4}}).planned()
    assert indexed == {**exact, "index_corpus": 3}


def test_an_unknown_kind_of_index_is_refused_in_one_line(make_workflow: Callable[..., Any]) -> None:
    done = make_workflow({**CONFIG, "retrieve": {"index": "ivfqp"}}).run("--dry-run", check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("vidmem: ")]
    assert done.returncode != 0 and len(lines) == 1
    assert "retrieve.index" in lines[0] and "did you mean 'ivfpq'?" in lines[0]
