"""Three hundred damaged videos through the stage `features`: each costs little, and none costs another its row."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import mediafiles
import numpy as np
import polars as pl
import pytest
from mutants import mutant
from reading import peak_mb

from vidmem import tables
from vidmem.config.features import Features
from vidmem.config.media import Limits
from vidmem.corpus.made.footage import footage_files
from vidmem.features import extract_features, run
from vidmem.media import MediaRef, read_clip

SUFFIXES = (".mp4", ".webm", ".avi", ".webp")
EACH = 75
LIMITS = Limits(max_decode_s=4, max_memory_mb=512)
SETTINGS = Features(max_loss=1.0, frames={"max_frames": 2}, flow={"max_flows": 3}).model_dump()
COLUMNS = {"video_id": pl.String, "path": pl.String, "offset": pl.Int64, "size": pl.Int64}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real footage in four containers, and `EACH` damaged copies of each."""
    root, rng = tmp_path_factory.mktemp("mutants"), np.random.default_rng(7)
    film = next(path for name, path in sorted(footage_files().items()) if "carphone" in name)
    frames = read_clip(MediaRef(film), rate_hz=8, max_frames=12, limits=Limits(), short_edge=96).frames[:, :, :112]
    for suffix in SUFFIXES:
        data = mediafiles.write_any(root / f"sound{suffix}", frames, fps=8).read_bytes()
        for n in range(EACH):
            (root / f"{n:03d}{suffix}").write_bytes(mutant(data, rng))
    return root


def features(folder: Path, names: list[str], out: Path) -> dict[str, tuple[str, str | None]]:
    rows = [{"video_id": name, "path": name, "offset": None, "size": None} for name in names]
    where = {f"out_{name}": out / f"{name}.parquet" for name in ("frames", "flow", "items")}
    extract_features(pl.DataFrame(rows, COLUMNS), folder, SETTINGS, limits=LIMITS, threads=1, **where)
    found = tables.read_table(out / "items.parquet").select("video_id", "status", "reason").rows()
    return {video_id: (status, reason) for video_id, status, reason in found}


def test_damaged_videos_cost_bounded_time_and_memory_and_no_other_row(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = [f"sound{suffix}" for suffix in SUFFIXES]
    bad = [path.name for path in sorted(folder.iterdir()) if path.name not in sound]
    assert len(bad) == EACH * len(SUFFIXES) == 300
    took, grown, sampled = {}, {}, run.sample_apart

    def watched(apart: Any, ref: MediaRef, *rest: Any) -> Any:
        start = time.monotonic()
        try:
            return sampled(apart, ref, *rest)
        finally:
            took[ref.path.name] = time.monotonic() - start
            grown[ref.path.name] = peak_mb(apart)

    monkeypatch.setattr(run, "sample_apart", watched)
    among = [name for n, name in enumerate(bad) for name in ([name, sound[n // 75]] if n % 75 == 40 else [name])]
    found = features(folder, among, tmp_path / "among")
    assert set(found) == {*bad, *sound}
    assert all(found[name] == ("ok", None) for name in sound)
    assert {status for status, _ in found.values()} <= {"ok", "skipped"}
    assert all(reason and "\n" not in reason for status, reason in found.values() if status == "skipped")
    assert max(took.values()) < 40, max(took, key=lambda name: took[name])
    assert max(grown.values()) < 900, max(grown, key=lambda name: grown[name])
    counts = Counter(status for name, (status, _) in found.items() if name in bad)
    assert counts["skipped"] > 150, counts
    assert vectors(tmp_path / "among", sound) == vectors_alone(folder, sound, tmp_path / "alone")


def vectors(out: Path, names: list[str]) -> dict[str, bytes]:
    frame, found = tables.read_vectors(out / "frames.parquet")
    return {name: found[(frame["video_id"] == name).to_numpy()].tobytes() for name in names}


def vectors_alone(folder: Path, names: list[str], out: Path) -> dict[str, bytes]:
    features(folder, names, out)
    return vectors(out, names)
