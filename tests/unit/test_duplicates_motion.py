"""Motion: clips that move the same, and motion that is anyone's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vidmem import tables
from vidmem.duplicates.motion import motion_components, same_motions
from vidmem.similarity.motion import motion_vectors, window_score

GRID = 16
SETTINGS = {
    "motion_window": 5, "motion_from": 0.85, "exact_limit": 50_000, "nprobe": 4, "grid": GRID,
    "still_floor": 0.02, "camera_explained": 0.95,
}  # fmt: skip


def wandering(seed: int, fields: int) -> np.ndarray:
    """Fields (T, 2, g, g) of a patch in one of four corners that goes its own way over a still ground."""
    rng = np.random.default_rng(seed)
    made = rng.normal(0, 0.002, (fields, 2, GRID, GRID))
    angle, turn = rng.uniform(0, 2 * np.pi), rng.uniform(-1.2, 1.2)
    y, x = 1 + 8 * (seed // 2 % 2), 1 + 8 * (seed % 2)
    for t in range(fields):
        way = np.array([np.cos(angle + turn * t), np.sin(angle + turn * t)])
        made[t, :, y : y + 5, x : x + 5] += 0.8 * way[:, None, None]
    return made.astype(np.float32)


def again(fields: np.ndarray, seed: int) -> np.ndarray:
    """The same movement in another scene: other noise, and a camera that pans."""
    noise = np.random.default_rng(seed).normal(0, 0.004, fields.shape)
    return (fields + noise + np.array([0.1, 0.03])[:, None, None]).astype(np.float32)


def write_flow(path: Path, clips: dict[str, np.ndarray]) -> Path:
    lengths = [len(c) for c in clips.values()]
    columns = {
        "video_id": np.repeat(list(clips), lengths).tolist(),
        "index": [n for length in lengths for n in range(length)],
        "time_s": np.zeros(sum(lengths)),
        "magnitude": np.zeros(sum(lengths)),
        "vector": np.concatenate([c.reshape(len(c), -1) for c in clips.values()]),
    }
    tables.write_table(path, columns, tables.flow_schema(GRID))
    return path


def test_a_movement_in_another_scene_is_the_same_and_natural_motion_is_left_out(tmp_path: Path) -> None:
    moves = {f"m{n}": wandering(n, 9) for n in range(4)}
    still, pan = np.zeros((9, 2, GRID, GRID), np.float32), np.zeros((9, 2, GRID, GRID), np.float32)
    pan[:, 0] = 0.3
    one = write_flow(tmp_path / "a.parquet", {**moves, "still": still, "pan": pan, "short": moves["m0"][:4]})
    two = write_flow(tmp_path / "b.parquet", {f"again {n}": again(c[2:], 9) for n, c in moves.items()})
    found, left_out = motion_components([one, two], SETTINGS)
    for name in moves:
        assert [other for other in found if found[other] == found[name]] == [name, f"again {name}"]
    assert set(found) == {*moves, *(f"again {n}" for n in moves)}
    assert left_out == {"camera": 1, "short": 1, "still": 1}


def test_pairs_are_those_whose_exact_score_reaches_the_threshold() -> None:
    moves = [wandering(n, 9) for n in range(12)]
    clips = [motion_vectors(c) for c in (*(m[:7] for m in moves), *(again(m, n) for n, m in enumerate(moves)))]
    left, right = same_motions(clips, SETTINGS)
    expected = {
        (i, j)
        for i in range(24)
        for j in range(i + 1, 24)
        if window_score(clips[i], clips[j], 5, 0.02).score >= 0.85
    }  # fmt: skip
    assert set(zip(left.tolist(), right.tolist(), strict=True)) == expected
    assert {(n, n + 12) for n in range(12)} <= expected


def test_no_clips_and_broken_fields(tmp_path: Path) -> None:
    assert [len(side) for side in same_motions([], SETTINGS)] == [0, 0]
    broken = wandering(0, 6)
    broken[2, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        motion_components([write_flow(tmp_path / "nan.parquet", {"x": broken})], SETTINGS)
