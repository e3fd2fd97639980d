"""The demo corpus: balanced, with what is true of each clip written down, and readable like anyone's."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from vidmem import tables
from vidmem.config.corpus import FolderSource
from vidmem.config.media import Limits
from vidmem.corpus import make_manifest
from vidmem.corpus.made import make_corpus
from vidmem.corpus.made.footage import SHOTS, cut, footage_files
from vidmem.corpus.made.motions import CORPUS_MOTIONS
from vidmem.corpus.made.plan import MULTIPLICITIES, Planned, planned
from vidmem.media import MediaRef, read_clip

PLAN = planned()
SIDES = ("corpus", "heldout", "motion", "unrelated")


def _side(side: str) -> list[Planned]:
    return [clip for clip in PLAN if clip.side == side]


def test_there_are_enough_clips_and_no_two_are_alike() -> None:
    assert len(_side("corpus")) >= 64
    assert len(_side("heldout")) > 99  # the null distribution shows 1 % without extrapolation
    for values in ([c.item_id for c in PLAN], [c.caption for c in PLAN], [(c.content, c.seed) for c in PLAN]):
        assert len(set(values)) == len(values)


def test_multiplicities_are_balanced_over_families_and_natural_motion() -> None:
    corpus = _side("corpus")
    counts = Counter(c.multiplicity for c in corpus)
    assert set(counts) == set(MULTIPLICITIES)
    assert max(counts.values()) - min(counts.values()) <= 2
    for family in CORPUS_MOTIONS:
        assert set(MULTIPLICITIES) == {c.multiplicity for c in corpus if c.motion == family}
    assert set(MULTIPLICITIES) == {c.multiplicity for c in corpus if c.natural}
    assert set(MULTIPLICITIES) == {s.multiplicity for s in SHOTS if s.side == "corpus"}


def test_each_factor_varies_while_the_others_stay() -> None:
    corpus = _side("corpus")
    contents, motions = defaultdict(set), defaultdict(set)
    for clip in corpus:
        contents[clip.motion].add(clip.content)
        motions[clip.content].add(clip.motion)
    assert all(len(contents[m]) >= 5 for m in CORPUS_MOTIONS)
    assert all(len(m) >= 4 for m in motions.values())
    for family in CORPUS_MOTIONS:
        cameras = Counter(c.camera for c in corpus if c.motion == family)
        assert cameras["still"] >= 5
        assert len(cameras) == 3
    natural = {c.camera for c in corpus if c.natural}
    assert natural == {"still", "pan-left", "pan-right", "zoom-in", "zoom-out"}


def test_sides_share_what_they_should_and_nothing_else() -> None:
    def of(side: str, what: str) -> set[str]:
        return {getattr(c, what) for c in _side(side) if not c.natural}

    assert not of("corpus", "content") & of("heldout", "content")
    assert not of("corpus", "motion") & of("heldout", "motion")
    assert not of("motion", "content") & (of("corpus", "content") | of("heldout", "content"))
    assert of("motion", "motion") == of("corpus", "motion")
    assert of("unrelated", "content") == of("heldout", "content")
    assert of("unrelated", "motion") == of("heldout", "motion")
    assert not any(c.natural for c in _side("motion"))
    assert any(s.side == "heldout" for s in SHOTS)


def test_captions_of_a_family_are_of_one_kind() -> None:
    for family, motion in CORPUS_MOTIONS.items():
        captions = [c.caption for c in PLAN if c.motion == family]
        assert all(motion.phrase in text for text in captions)
        assert len({" ".join(text.split()[:2]) for text in captions}) == 1


def test_real_shots_are_cut_where_the_scene_changes() -> None:
    shots = cut(footage_files()["bikes.mp4"])
    assert [len(frames) for frames, _ in shots] == [30, 46, 61, 50, 55]
    assert all(fps == 25.0 and frames.shape[1:] == (272, 640, 3) for frames, fps in shots)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made")
    make_corpus(out, threads=2)
    return out


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_truth_and_manifests_agree(made: Path, tmp_path: Path) -> None:
    truth = {row["item_id"]: row for row in _table(made / "truth.csv")}
    for side in SIDES:
        source = FolderSource(kind="folder", folder=str(made / side))
        make_manifest({side: source.model_dump()}, made / side, Limits(), 0, tmp_path / "manifest.parquet")
        rows = tables.read_table(tmp_path / "manifest.parquet").to_dicts()
        assert {r["status"] for r in rows} == {"ok"}
        copies = Counter(r["same_as"] for r in rows)
        expected = {k: int(t["multiplicity"]) for k, t in truth.items() if t["side"] == side}
        assert copies == expected
        for row in rows:
            assert truth[row["same_as"]]["path"] == f"{side}/{row['path']}"
        captions = {(r["same_as"], r["caption"]) for r in rows}
        assert len(captions) == len({caption for _, caption in captions}) == len(expected)
    assert {t["natural_motion"] for t in truth.values() if t["source"] == "real"} == {""}


@pytest.mark.slow
def test_clips_move_within_the_first_second(made: Path) -> None:
    for row in _table(made / "truth.csv"):
        clip = read_clip(MediaRef(made / row["path"]), rate_hz=8, max_frames=8, short_edge=32, limits=Limits())
        assert len(clip.frames) == 8
        change = np.abs(np.diff(clip.frames.astype(int), axis=0)).mean()
        still = row["natural_motion"] == "true" and row["camera"] == "still"
        assert change < 0.5 if still else change > 0.5, row["item_id"]


@pytest.mark.slow
def test_corpus_is_the_same_whatever_the_threads(made: Path, tmp_path: Path) -> None:
    make_corpus(tmp_path, threads=1)
    files = sorted(p.relative_to(made) for p in made.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    assert all((made / f).read_bytes() == (tmp_path / f).read_bytes() for f in files)
