"""A small form of bench/truth/duplicates.py: planted duplicates are found, and nothing else."""

from __future__ import annotations

from pathlib import Path

import cv2
import duplicates as bench
import numpy as np
import pytest


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], bench.Figure]:
    cv2.setNumThreads(1)
    features = bench.Features()
    embed = bench.embedder(bench.frame_engine(features.frames.model_dump(), threads=1), features)
    items = bench.planted(1, False, seed=0)
    corpus = bench.Corpus(items, Path(tmp_path_factory.mktemp("planted")), embed)
    return {(f.evidence, f.kind): f for f in bench.judge(items, corpus.find())}


@pytest.mark.parametrize("evidence", ["content", "caption"])
def test_planted_duplicates_are_found_and_nothing_else(
    figures: dict[tuple[str, str], bench.Figure], evidence: str
) -> None:
    pooled = figures[evidence, "pooled"]
    assert pooled.pairs > 250
    assert pooled.recall >= bench.PROMISED and pooled.precision >= bench.PROMISED


def test_every_kind_of_duplicate_was_planted_and_what_must_not_be_chained_is_not(
    figures: dict[tuple[str, str], bench.Figure],
) -> None:
    for kind in ("exact", *bench.CLIP_GRADES, "caption reworded", "intro", "logo"):
        assert figures["content", kind].pairs >= 10
    assert all(figures["content", trap].precision == 1 for trap in ("intro", "logo", "compilation"))


def test_shared_movements_are_found_only_where_they_are(figures: dict[tuple[str, str], bench.Figure]) -> None:
    motion = figures["motion", "pooled"]
    assert motion.precision >= 0.95 and motion.recall > 0.1


def test_the_figures_by_hand() -> None:
    items = [bench.Item("original", "v", "", "s", "", None), bench.Item("exact", "v", "", "s", "", None),  # type: ignore[arg-type]
             bench.Item("alone", "w", "", "t", "", None)]  # type: ignore[arg-type]  # fmt: skip
    together = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]], bool)
    found = {f.kind: f for f in bench.judge(items, dict.fromkeys(("content", "caption", "motion"), together))
             if f.evidence == "content"}  # fmt: skip
    assert (found["pooled"].recall, found["pooled"].precision) == (0.0, 0.0)
    assert np.isnan(found["alone"].recall) and found["alone"].precision == 0.0 and found["exact"].precision == 1.0
