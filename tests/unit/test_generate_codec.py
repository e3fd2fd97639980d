"""What storing a video at the default quality costs: its features are those of the frames in memory, within a bound.

Measured by bench/speed/codec.py (16 frames, crf 12; least over 7 clips, kilobytes as the mean of rendered and of real
clips). The int8 engine gives .96 to .99 for one grey level of noise, and a flow cosine of .94 to 1.

| side | similarity of a frame to itself | flow cosine | kilobytes a video |
|---|---|---|---|
| 48 | .89 | .93 | 8, 12 |
| 64 | .90 | .94 | 10, 17 |
| 128 | .92 | .94 | 18, 49 |
| 256 | .93 | .96 | 40, 150 |
| 512 | .92 | .97 | 99, 434 |
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from vidmem.config.features import Features
from vidmem.config.generate import Generate
from vidmem.config.media import Limits
from vidmem.corpus.made import render_clip
from vidmem.corpus.made.footage import footage_files
from vidmem.features.engines import frame_engine
from vidmem.features.flow import flow_engine
from vidmem.features.preprocess import Frames, to_short_edge
from vidmem.features.run import motion_fields, plan_of
from vidmem.features.sampling import Sampled, sample, sample_clip
from vidmem.generate.clip import finish
from vidmem.media import Clip, Format, MediaInfo, MediaRef, read_clip, to_format

FPS, COUNT = 8.0, 12
SETTINGS = Features().model_dump()
PLAN = plan_of(SETTINGS)
BOUNDS = {48: (0.85, 0.92, 0.9), 128: (0.88, 0.96, 0.92), 256: (0.88, 0.97, 0.94)}  # least and median frame, least flow
KILOBYTES = {48: 13, 128: 60, 256: 180}

Extract = Callable[[Sampled], tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]


@pytest.fixture(scope="module")
def extract() -> Extract:
    """Vectors of the frames, and flow fields, by the engines of the features stage."""
    frames, flow = frame_engine(SETTINGS["frames"], 1), flow_engine(SETTINGS["flow"], 1)

    def features(sampled: Sampled) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        seen = to_short_edge(sampled.frames, SETTINGS["frames"]["short_edge"])
        return frames.embed(seen), motion_fields(sampled, flow, SETTINGS["flow"])

    return features


def clips(side: int) -> list[Frames]:
    """Two rendered clips and two real ones, uint8 (12, side, side, 3)."""
    rendered = [
        render_clip(*what, width=side, height=side, fps=FPS, seconds=COUNT / FPS, seed=1)
        for what in (("rug", "wander", "still"), ("pebbles", "orbit", "pan-left"))
    ]
    real = [
        read_clip(MediaRef(footage_files()[name]), rate_hz=FPS, max_frames=COUNT, limits=Limits())
        for name in ("bikes.mp4", "carphone_pristine.mp4")
    ]
    return rendered + [to_format(clip, Format(side, side, COUNT, FPS)).frames for clip in real]


def agreement(extract: Extract, frames: Frames, crf: int, path: Path) -> tuple[npt.NDArray[np.float32], float]:
    """Similarity of each frame to itself in the stored video, and the cosine of all flow fields."""
    data, record = finish(frames, [], FPS, crf)
    assert data is not None and record["video"]["status"] == "ok"
    path.write_bytes(data)
    height, width = frames.shape[1:3]
    info = MediaInfo("video", FPS, len(frames), width, height, len(frames) / FPS)
    memory = extract(sample_clip(Clip(frames, np.arange(len(frames)) / FPS, info), PLAN))
    stored = extract(sample(MediaRef(path), PLAN, Limits()))
    a, b = (np.asarray(x[1], np.float64).ravel() for x in (memory, stored))
    return (memory[0] * stored[0]).sum(axis=1), float(a @ b / np.sqrt((a @ a) * (b @ b)))


@pytest.mark.parametrize("side", list(BOUNDS))
def test_features_of_the_stored_video_are_those_of_the_frames_in_memory(
    extract: Extract, tmp_path: Path, side: int
) -> None:
    crf, path = Generate().crf, tmp_path / "clip.mp4"
    found, sizes = [], []
    for frames in clips(side):
        found.append(agreement(extract, frames, crf, path))
        sizes.append(path.stat().st_size / 1000)
    similarity = np.concatenate([each for each, _ in found])
    least, median, flow = BOUNDS[side]
    assert similarity.min() >= least
    assert np.median(similarity) >= median
    assert min(cosine for _, cosine in found) >= flow
    assert max(sizes) <= KILOBYTES[side] * 1.5
    assert np.mean(sizes) <= KILOBYTES[side]


def test_a_video_stored_badly_would_break_the_bound(extract: Extract, tmp_path: Path) -> None:
    frames = clips(48)[2]
    similarity, cosine = agreement(extract, frames, 32, tmp_path / "clip.mp4")
    assert similarity.min() < BOUNDS[48][0]
    assert np.median(similarity) < BOUNDS[48][1]
    assert cosine < BOUNDS[48][2]


def test_pixels_of_the_stored_video_are_close_to_those_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    for frames in clips(128):
        data, _ = finish(frames, [], FPS, Generate().crf)
        path.write_bytes(data or b"")
        stored = read_clip(MediaRef(path), rate_hz=None, max_frames=99, limits=Limits()).frames
        assert stored.shape == frames.shape
        error = np.square(stored.astype(float) - frames).mean()
        assert 10 * np.log10(255**2 / error) > 32  # dB; chroma is kept at half the resolution
