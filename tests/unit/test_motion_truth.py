"""The motion score on clips whose relation is known: a small form of bench/truth/motion.py, with its own code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from clips import FORMATS, Spec, clip_of, specs
from flows import fields_of
from motion import figures
from motion_scores import DEFAULT, OFS3, table
from real import RESTYLES, real_clips, restyled
from worlds import World

from vidmem.config.analysis import Metrics
from vidmem.corpus.made.motions import CORPUS_MOTIONS, HELDOUT_MOTIONS
from vidmem.media import to_format
from vidmem.similarity.camera import classify
from vidmem.similarity.motion import pool

ALL = specs()
NULL = sorted({s.motion for s in ALL if s.role == "null"})


def flows(chosen: list[Spec], fmt: str = "full") -> list[Any]:
    wanted = FORMATS[fmt]
    return [fields_of(c if wanted is None else to_format(c, wanted)) for c in map(clip_of, chosen)]


def pick(role: str, motions: list[str], each: int) -> list[Spec]:
    found = [s for m in motions for s in [s for s in ALL if s.role == role and s.motion == m][:each]]
    assert len(found) == each * len(motions)
    return found


@pytest.fixture(scope="module")
def background() -> list[Any]:
    return flows(pick("null", NULL[1::2][:16], 1))


@pytest.fixture(scope="module")
def world(background: list[Any]) -> World:
    """Eight movements on two contents and twelve that are nobody's, asked by clips of 64 pixels and twelve frames."""
    known, others = list(CORPUS_MOTIONS), [m for m in NULL[::2] if m not in HELDOUT_MOTIONS][:10]
    references = pick("reference", known, 2) + [s for s in ALL if s.role == "distractor"][:12]
    queries = pick("motion", known, 2) + pick("null", others, 2)
    queries += [s for s in ALL if s.role == "content"][:12]
    same = np.array([[q.motion == r.motion for r in references] for q in queries])
    return World(
        "small",
        flows(queries, "64px-12f"),
        flows(references),
        background,
        np.array([q.role for q in queries]),
        np.array([q.motion for q in queries]),
        same,
        np.zeros_like(same),
    )


def test_a_shared_movement_is_told_from_chance_and_better_than_by_ofs3(world: World) -> None:
    ours, plain = (figures(world, table(world, v), seed=0) for v in (DEFAULT, OFS3))
    assert ours["pair_auc"] >= 0.97 and ours["recall_at_1"] >= 0.9
    assert ours["pair_auc"] > plain["pair_auc"] and ours["query_auc"] > plain["query_auc"]


def test_the_same_content_in_another_movement_is_not_called(world: World) -> None:
    ours = figures(world, table(world, DEFAULT), seed=0)
    assert ours["content_called"] <= 0.03
    assert ours["query_auc"] >= 0.95, "or the score separates nothing"


def test_real_clips_are_found_by_their_movement_in_another_appearance(world: World, background: list[Any]) -> None:
    pieces = real_clips()[::2]
    queries = [(n, restyled(p, style, 0)) for n, p in enumerate(pieces) for style in (*RESTYLES, "background-panned")]
    queries = [(n, clip) for n, clip in queries if clip is not None]
    shots = np.array([f"{p.film} {p.shot}" for p in pieces])
    source = np.array([n for n, _ in queries])
    references = [fields_of(p.clip) for p in pieces] + world.references
    own = source[:, None] == np.arange(len(references))
    alike = np.zeros_like(own)
    alike[:, : len(pieces)] = (shots[source][:, None] == shots[None]) & ~own[:, : len(pieces)]
    null = world.part(world.role == "null")
    nobody = np.zeros((len(null.queries), len(references)), bool)
    real = World(
        "real",
        [fields_of(clip) for _, clip in queries] + null.queries,
        references,
        background,
        np.array(["motion"] * len(queries) + ["null"] * len(null.queries)),
        np.concatenate([shots[source], null.group]),
        np.concatenate([own, nobody]),
        np.concatenate([alike, nobody]),
    )
    ours, plain = (figures(real, table(real, v), seed=0) for v in (DEFAULT, OFS3))
    assert ours["pair_auc"] >= 0.97 and ours["recall_at_1"] >= 0.85
    assert ours["pair_tpr_at_0.1pct"] > plain["pair_tpr_at_0.1pct"]


def test_still_and_camera_only_clips_are_natural_and_moving_objects_are_not(world: World) -> None:
    settings = Metrics()

    def natural(fields: Any) -> bool:
        judged = classify(
            pool(fields, 16), still_floor=settings.still_floor, camera_explained=settings.camera_explained
        )
        return judged.natural

    nobody = [s for s in ALL if s.role in ("still", "pan", "zoom")][::5]
    assert np.mean([natural(f) for f in flows(nobody)]) >= 0.98
    assert np.mean([natural(f) for f in world.references]) <= 0.02
