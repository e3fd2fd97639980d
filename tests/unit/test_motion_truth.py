"""The default motion score on rendered clips whose relation is known: a small form of the benchmark in bench/truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from vidmem.config.analysis import Metrics, Retrieve
from vidmem.config.features import Flow
from vidmem.corpus.made.contents import CORPUS_CONTENTS, HELDOUT_CONTENTS, MOTION_CONTENTS
from vidmem.corpus.made.motions import CORPUS_MOTIONS, HELDOUT_MOTIONS
from vidmem.corpus.made.render import render_clip
from vidmem.features.flow import flow_engine, velocity_fields
from vidmem.media import Clip, Format, MediaInfo, to_format
from vidmem.similarity.camera import classify
from vidmem.similarity.motion import motion_score
from vidmem.stats import Null, auc

FORMAT = Format(64, 64, 12, 8.0)  # of the demo's oracles
WINDOW, FLOOR = Retrieve().window, Metrics().still_floor
Fields = np.ndarray


@dataclass
class World:
    """Flow fields by (content, motion)."""

    references: dict[tuple[str, str], Fields]
    same_motion: dict[tuple[str, str], Fields]
    unrelated: dict[tuple[str, str], Fields]
    same_content: dict[tuple[str, str], Fields]


def fields_of(content: str, motion: str, camera: str = "still", seed: int = 0) -> Fields:
    frames = render_clip(content, motion, camera, width=128, height=128, fps=24, seconds=1.5, seed=seed)
    times = np.arange(len(frames)) / 24
    clip = to_format(Clip(frames, times, MediaInfo("video", 24.0, len(frames), 128, 128, 1.5)), FORMAT)
    engine = flow_engine(Flow().model_dump(), threads=1)
    return velocity_fields(engine, clip.frames, clip.times_s, Flow().grid)


@pytest.fixture(scope="module")
def world() -> World:
    corpus, held, fresh = list(CORPUS_CONTENTS), list(HELDOUT_CONTENTS), list(MOTION_CONTENTS)
    known, other = list(CORPUS_MOTIONS), list(HELDOUT_MOTIONS)
    pairs = [(corpus[(2 * i + j) % len(corpus)], m) for i, m in enumerate(known) for j in range(2)]
    return World(
        references={p: fields_of(*p) for p in pairs},
        same_motion={p: fields_of(*p, seed=7) for p in [(fresh[i % len(fresh)], m) for i, m in enumerate(known)]},
        unrelated={
            p: fields_of(*p, seed=3)
            for p in [(held[(i + j) % len(held)], m) for i, m in enumerate(other) for j in range(3)]
        },
        same_content={p: fields_of(*p) for p in [(corpus[i % len(corpus)], m) for i, m in enumerate(other)]},
    )


def score(f: Fields, g: Fields) -> float:
    return motion_score(f, g, WINDOW, FLOOR).score


def best(f: Fields, world: World) -> float:
    return max(score(f, g) for g in world.references.values())


def test_same_motion_in_other_content_is_told_from_unrelated_motion(world: World) -> None:
    scores, labels = [], []
    for (_, motion), f in {**world.same_motion, **world.unrelated}.items():
        for (_, reference), g in world.references.items():
            scores.append(score(f, g))
            labels.append(motion == reference)
    assert (auc(np.array(scores), np.array(labels)) or 0) >= 0.95


def test_same_content_in_other_motion_is_not_called(world: World) -> None:
    threshold = Null.fit(np.array([best(f, world) for f in world.unrelated.values()])).threshold(0.01)
    called = [best(f, world) >= threshold for f in world.same_content.values()]
    found = [best(f, world) >= threshold for f in world.same_motion.values()]
    assert np.mean(called) <= 0.05
    assert np.mean(found) >= 0.9, "or the threshold separates nothing"


def test_still_and_camera_only_clips_are_natural_and_moving_objects_are_not(world: World) -> None:
    def natural(fields: Fields) -> bool:
        return classify(fields, still_floor=FLOOR, camera_explained=Metrics().camera_explained).natural

    cameras = ("still", "pan-left", "pan-right", "zoom-in", "zoom-out")
    camera_only = [natural(fields_of(c, "motionless", camera)) for c in list(CORPUS_CONTENTS)[:4] for camera in cameras]
    assert np.mean(camera_only) >= 0.95
    assert np.mean([natural(f) for f in world.references.values()]) <= 0.05
