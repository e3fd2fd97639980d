"""Content scores against known truth, a small form of bench/truth/content.py; and that the benchmark judges rightly."""

from __future__ import annotations

from dataclasses import replace

import content as bench
import content_scores as cs
import numpy as np
import pytest
from degrade import GRADES, LISTED_ALONE, NONE
from hypothesis import given, settings
from hypothesis import strategies as st
from real import real_clips

from vidmem import stats
from vidmem.config.features import Features
from vidmem.corpus.made.contents import CORPUS_CONTENTS, HELDOUT_CONTENTS, MOTION_CONTENTS
from vidmem.corpus.made.motions import CORPUS_MOTIONS, HELDOUT_MOTIONS
from vidmem.features.engines import frame_engine
from vidmem.similarity import content

SHOWN = {"crop 80%", "crf 36", "colour grey", "overlay text", "letterbox 8%", "shift 0.1 s", "cut second half replaced",
         "web re-upload", "small 48px-8f", "mirror horizontal"}  # fmt: skip


@pytest.fixture(scope="module")
def world() -> bench.World:
    corpus, held = list(CORPUS_MOTIONS), list(HELDOUT_MOTIONS)
    real = [p for p in real_clips() if p.shot == p.start_s == 0]
    originals = [
        *bench.rendered("reference", CORPUS_CONTENTS, (0,), corpus),
        *(bench.Original("reference", f"{p.film}-{p.shot}", p.film, p.clip) for p in real),
        *bench.rendered("look-alike", CORPUS_CONTENTS, (4,), held),
        *bench.rendered("unrelated", HELDOUT_CONTENTS, (0,), held),
        *bench.rendered("background", list(MOTION_CONTENTS)[:6], (0,), corpus),
    ]
    features = Features.model_validate({"frames": {"rate_hz": 2.0}})
    embed = bench.embedder(frame_engine(features.frames.model_dump(), threads=1), features)
    grades = [NONE, *(g for g in GRADES if g.name in SHOWN)]
    pairs = [(n, g) for n, g in bench.plan_queries(originals, grades) if g is NONE or (n + grades.index(g)) % 2 == 0]
    return bench.build(originals, pairs, embed, 0)


def test_copies_are_told_from_everything_else_undegraded_and_degraded(world: bench.World) -> None:
    rows = {(r["family"], r["level"], r["variant"]): r for r in bench.judge_degradations(world, 0)}
    assert set(bench.SIDE_BY_SIDE) == {v for _, _, v in rows}, "ours and VSSCD stand side by side"
    undegraded, graded = rows["none", "undegraded", "gsscd_max"], rows["graded", "all", "gsscd_max"]
    assert undegraded["n"] == world.references and undegraded["auc"] >= 0.999
    assert graded["n"] >= 50 and graded["nulls"] >= 100 and graded["auc"] >= 0.98
    assert rows["graded", "all", "vsscd"]["auc"] <= graded["auc"]


def test_every_variant_has_a_row_and_the_families_listed_alone_are_not_pooled(world: bench.World) -> None:
    rows = bench.judge_variants(world, 0)
    names = {row["variant"] for row in rows}
    assert {"gsscd_max", "gsscd_2", "gsscd_3", "gsscd_5", "vsscd", "min_fraction@0.75", "best_segment@0.5"} < names
    assert {"vsscd - 1.2 top-10", "gsscd_3 - 0.5 top-1 by frame"} < names
    assert not {row["worst_family"] for row in rows} & {*LISTED_ALONE, NONE.family}
    copies = world.truth().original >= 0
    alone = np.isin(world.families(), LISTED_ALONE)
    assert (alone & copies).any() and (alone & ~copies).any()
    assert rows[0]["graded_n"] == int((world.graded() & copies).sum())
    assert rows[0]["graded_nulls"] == int((~alone).sum())


def test_nothing_that_a_clip_shares_footage_with_is_a_non_copy(world: bench.World) -> None:
    truth = world.truth()
    assert truth.kin.shape == (len(world.queries), world.references)
    for q, query in enumerate(world.queries):
        original = world.originals[query.original]
        films = [o.kin == original.kin for o in world.originals[: world.references]]
        np.testing.assert_array_equal(truth.kin[q], films)
        assert truth.original[q] == (query.original if original.role == "reference" else -1)
    assert not truth.kin[truth.original < 0].any(), "look-alikes and held-out clips have no kin in the corpus"


def test_backgrounds_of_both_kinds_are_judged_on_rendered_clips_alone(world: bench.World) -> None:
    rows = bench.judge_backgrounds(world, 0)
    assert len(rows) == 1 + 2 * len(cs.BETAS) * len(cs.NEAREST)
    assert {row["background"] for row in rows} == {"none", "rendered", "real films"}
    of = np.array([q.original for q in world.queries])
    rendered = np.array([o.kin == o.shot for o in world.originals])[of]
    assert rows[0]["n"] == int((world.graded() & rendered & (world.truth().original >= 0)).sum())
    assert len({row["auc"] for row in rows}) > 1


def test_a_part_of_the_truth_numbers_originals_anew() -> None:
    square = np.arange(12).reshape(4, 3) % 2 == 0
    whole = cs.Truth(np.array([0, 2, -1, 1]), np.arange(4), square, ~square, np.array([True, False, True, True]))
    part = whole.part(np.array([1, 2, 3]), np.array([0, 2]))
    assert part.original.tolist() == [1, -1, -1], "an original that is left out is none"
    assert part.group.tolist() == [1, 2, 3] and part.pooled.tolist() == [False, True, True]
    np.testing.assert_array_equal(part.kin, square[1:, [0, 2]])
    np.testing.assert_array_equal(part.same, ~square[1:, [0, 2]])


def unit(rng: np.random.Generator, n: int, dim: int = 6) -> cs.Vectors:
    rows = rng.normal(0.4, 1, (n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@given(seed=st.integers(0, 10**6), n=st.integers(1, 7))
@settings(max_examples=40, deadline=None)
def test_batched_scores_are_the_library_s(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    x, clips = unit(rng, n), [unit(rng, int(m)) for m in rng.integers(1, 8, 6)]
    found = cs.scores(x, cs.Library.of(clips))
    for c, y in enumerate(clips):
        assert found["gsscd_max"][c] == pytest.approx(content.gsscd_max(x, y).score, abs=1e-6)
        for k in cs.RUNS:
            assert found[f"gsscd_{k}"][c] == pytest.approx(content.gsscd_k(x, y, k).score, abs=1e-6)
        assert found["vsscd"][c] == pytest.approx(content.vsscd(x, y), abs=1e-6)
        for level in cs.LEVELS:
            gen, ref = content.match_fractions(x, y, level)
            assert found[f"gen_fraction@{level}"][c] == pytest.approx(gen)
            assert found[f"ref_fraction@{level}"][c] == pytest.approx(ref)
            assert found[f"min_fraction@{level}"][c] == pytest.approx(min(gen, ref))
        run = content.best_segment(x, y, 0.5)
        if run is None:
            assert found["best_segment@0.5"][c] < 0
        else:
            assert found["best_segment@0.5"][c] == pytest.approx((run.score - 0.5) * run.pairs, abs=1e-5)


def test_normalisation_takes_off_what_the_background_scores() -> None:
    table, background = np.array([[0.9, 0.2], [0.5, 0.4]]), np.array([[0.1, 0.3, 0.5], [0.0, 0.0, 0.2]])
    np.testing.assert_allclose(cs.normalised(table, background, 0.5, 2), [[0.7, 0.0], [0.45, 0.35]])


def test_normalisation_by_frame_is_the_slow_one() -> None:
    rng = np.random.default_rng(5)
    x, clips, others = unit(rng, 5), [unit(rng, m) for m in (2, 4, 6)], [unit(rng, m) for m in (3, 3, 2, 5)]
    found = cs.frame_normalised(x, cs.Library.of(clips), cs.Library.of(others))
    near = np.array([sorted((float((y @ frame).max()) for y in others), reverse=True) for frame in x])
    assert len(found) == 2 * len(cs.BETAS) * len(cs.NEAREST)
    for beta in cs.BETAS:
        for k in cs.NEAREST:
            bias = beta * near[:, :k].mean(axis=1)
            for c, y in enumerate(clips):
                s = (x @ y.T).astype(float) - bias[:, None]
                assert found[cs.variant("gsscd_max", beta, k, cs.FRAME)][c] == pytest.approx(s.max(), abs=1e-6)
                length = min(3, len(y))
                runs = [
                    np.mean([s[i + r, j + r] for r in range(length)])
                    for i in range(len(x) - length + 1)
                    for j in range(len(y) - length + 1)
                ]
                assert found[cs.variant("gsscd_3", beta, k, cs.FRAME)][c] == pytest.approx(max(runs), abs=1e-6)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_auc_and_tpr_of_the_sample_are_those_of_the_library(seed: int) -> None:
    rng = np.random.default_rng(seed)
    own, null = rng.integers(3, 12, 25) / 10, rng.integers(0, 9, 60) / 10  # with ties
    groups, null_groups = rng.integers(0, 6, 25), rng.integers(0, 6, 60)
    weights = cs.resampled(6, seed)[:20]
    values, labels = np.concatenate([own, null]), np.arange(85) < 25
    draws = cs.auc_draws(own, groups, cs.by_group(null, null_groups, 6), weights)
    assert draws[0] == pytest.approx(stats.auc(values, labels))
    for fpr in (0.01, 0.1):
        found = cs.tpr_draws(own, groups, cs.threshold_draws(null, null_groups, fpr, weights), weights)
        assert found[0] == pytest.approx(stats.tpr_at_fpr(values, labels, fpr))
        d = 7  # any resample: each value as often as its group was drawn
        times = [np.repeat(v, weights[d][g].astype(int)) for v, g in ((own, groups), (null, null_groups))]
        if len(times[0]) and len(times[1]):
            drawn, of = np.concatenate(times), np.arange(len(times[0]) + len(times[1])) < len(times[0])
            assert draws[d] == pytest.approx(stats.auc(drawn, of))
            assert found[d] == pytest.approx(stats.tpr_at_fpr(drawn, of, fpr))


def test_a_judged_table_by_hand() -> None:
    """Three references; two copies, the second beaten by a stranger; one query without an original."""
    table = np.array([[0.9, 0.1, 0.2], [0.6, 0.5, 0.3], [0.1, 0.4, 0.55]])
    truth = cs.Truth(
        original=np.array([0, 1, -1]),
        group=np.array([0, 1, 2]),
        kin=np.array([[True, False, False], [False, True, False], [False, False, False]]),
        same=np.array([[True, False, False], [False, True, False], [False, False, False]]),
        pooled=np.ones(3, bool),
    )
    row = cs.Judge(table, truth, 0).figures(np.ones(3, bool))
    assert (row["n"], row["originals"], row["nulls"]) == (2, 2, 3)
    assert row["auc"] == pytest.approx(4 / 6)  # copies .9, .5; best of the rest .2, .6, .55
    assert row["recall_at_1"] == 0.5 and row["recall_at_5"] == 1.0
    assert row["tpr_at_0.01"] is None, "three non-copies can't show a rate of 1 %"
    assert row["pair_auc"] == pytest.approx((7 + 5) / 14)  # pairs .1 .2 .6 .3 .1 .4 .55
    related = replace(truth, same=np.array([[True, False, False], [True, True, False], [False, False, False]]))
    assert cs.Judge(table, related, 0).figures(np.ones(3, bool))["recall_at_1"] == 1.0, "another piece of its own shot"
