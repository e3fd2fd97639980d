"""Models whose memorisation is known: oracles reproduce or don't, the planted model learns and survives saving."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vidmem import text
from vidmem.config.media import Limits
from vidmem.generate.folder import list_videos
from vidmem.generate.known.build import build_known, choose
from vidmem.generate.known.clips import Side, read_truth
from vidmem.generate.known.codec import PatchCodec
from vidmem.generate.known.degrade import DEGRADATIONS, Shot
from vidmem.generate.known.oracle import NULL, OraclePipeline, PosteriorMean, build_oracle
from vidmem.generate.known.pixels import to_uint8, to_unit
from vidmem.generate.known.planted import positions, train_planted
from vidmem.generate.known.replay import make_replay
from vidmem.generate.load import load_pipeline, sample
from vidmem.generate.recorder import Recorder
from vidmem.media import MediaRef, read_clip, write_video
from vidmem.sentences import embed_texts
from vidmem.tables import MANIFEST, PROMPTS, write_table

CAPTIONS = ["A red ball rolls right over sand", "A blue box falls on grass", "Two white cranes fly over a lake"]


def moving(seed: int, frames: int = 8, side: int = 48) -> np.ndarray:
    """A smooth random picture that slides sideways: uint8 (frames, side, side, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side
    waves = rng.uniform(-3, 3, (4, 2)), rng.uniform(0, 6.3, (4, 3)), rng.uniform(10, 40, (4, 3))
    made = []
    for t in range(frames):
        value = np.full((side, side, 3), 128.0)
        for (kx, ky), phase, size in zip(*waves, strict=True):
            angle = 2 * np.pi * (kx * (x + 0.02 * t) + ky * y)
            value += size * np.sin(angle[..., None] + phase)
        made.append(value.clip(0, 255))
    return np.stack(made).astype(np.uint8)


def rms(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(((a.astype(float) - b.astype(float)) ** 2).mean()))


def oracle(folder: Path, bandwidth: float, rows: list[list[int]] | None = None) -> tuple[Any, np.ndarray]:
    clips = np.stack([moving(i, side=32) for i in range(3)])
    places = rows or [[0], [1], [2]]
    support = [(text.prompt_id(c), c, r) for c, r in zip(CAPTIONS, places, strict=False)]
    build_oracle(support, clips, {"bandwidth": bandwidth}, folder)
    return load_pipeline(folder), clips


@pytest.mark.parametrize("guidance", [1.0, 3.0, 7.5])
def test_an_exact_oracle_reproduces_its_clip(tmp_path: Path, guidance: float) -> None:
    pipeline, clips = oracle(tmp_path, 0.0)
    videos = sample(pipeline, CAPTIONS, [0, 1, 2], {"steps": 10, "guidance_scale": guidance})
    assert all(rms(video, clip) < 1 for video, clip in zip(videos, clips, strict=True))  # 1/255 of the range


def test_an_oracle_with_two_clips_gives_one_or_the_other(tmp_path: Path) -> None:
    pipeline, clips = oracle(tmp_path, 0.0, [[0, 1], [2]])
    videos = sample(pipeline, [CAPTIONS[0]] * 12, list(range(12)), {"steps": 10, "guidance_scale": 1.0})
    nearest = [min((rms(video, clip), n) for n, clip in enumerate(clips)) for video in videos]
    assert all(distance < 1 for distance, _ in nearest)
    assert {n for _, n in nearest} == {0, 1}


def test_a_smoothed_oracle_stops_reproducing(tmp_path: Path) -> None:
    pipeline, clips = oracle(tmp_path, 1.0)
    videos = sample(pipeline, CAPTIONS, [0, 1, 2], {"steps": 20, "guidance_scale": 3.0})
    spread = float(clips.std())
    assert all(rms(video, clip) > 0.6 * spread for video, clip in zip(videos, clips, strict=True))


def test_posterior_mean_is_the_formula_evaluated_directly() -> None:
    """Against sums over clips written out in float64, for points and for Gaussians."""
    clips = torch.randn(4, 2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    x = torch.randn(1, 3, 2, 4, 4, generator=torch.Generator().manual_seed(1))
    y, z = clips.movedim(2, 1).double(), x[0].double()
    for bandwidth, abar in ((0.0, 0.02), (0.5, 0.3), (2.0, 0.9)):
        for key, rows in (("k", [1, 3]), (NULL, [0, 1, 2, 3])):
            variance = abar * bandwidth**2 + 1 - abar
            residual = [z - abar**0.5 * y[i] for i in rows]
            weights = torch.softmax(torch.stack([-(r**2).sum() / (2 * variance) for r in residual]), 0)
            means = [y[i] + bandwidth**2 * abar**0.5 / variance * r for i, r in zip(rows, residual, strict=True)]
            mean = sum(w * m for w, m in zip(weights, means, strict=True))
            expected = (z - abar**0.5 * mean) / (1 - abar) ** 0.5
            said = PosteriorMean(clips, {"k": [1, 3]}, bandwidth)(x, abar, [key])[0]
            assert torch.allclose(said.double(), expected, atol=1e-4)


def test_an_oracle_is_saved_whole_and_records_signals(tmp_path: Path) -> None:
    pipeline, _ = oracle(tmp_path / "a", 0.5)
    pipeline.save_pretrained(tmp_path / "b")
    again = OraclePipeline.from_pretrained(tmp_path / "b")
    assert again.transformer.bandwidth == pipeline.transformer.bandwidth
    assert torch.equal(again.transformer.clips, pipeline.transformer.clips)
    with Recorder(again, videos=1, guidance_scale=3.0) as recorder:
        sample(again, CAPTIONS[:1], [0], {"steps": 5, "guidance_scale": 3.0})
    assert recorder.layout == "one batch, unconditional first"
    assert recorder.rows[0][0]["content_magnitude"] > 0
    with pytest.raises(KeyError, match="no clips for the prompt"):
        again("something else")


def test_the_codec_loses_what_its_components_lack_and_no_more(tmp_path: Path) -> None:
    clips = np.stack([moving(i) for i in range(4)])
    full, few = PatchCodec.fit(clips, channels=48), PatchCodec.fit(clips, channels=6)
    frames = to_unit(torch.from_numpy(clips))
    latents = full.encode(frames)
    assert latents.shape == (4, 48, 8, 12, 12)
    assert rms(to_uint8(full.decode(latents)), clips) < 1
    assert 1 < rms(to_uint8(few.decode(few.encode(frames))), clips) < 30
    few.save_pretrained(tmp_path)
    again = PatchCodec.from_pretrained(tmp_path)
    assert torch.equal(again.encode(frames), few.encode(frames))
    gram = few.components.T @ few.components
    assert torch.allclose(gram, torch.eye(6), atol=1e-5)


def test_caption_vectors_are_unit_and_independent_of_their_neighbours() -> None:
    together, alone = embed_texts(CAPTIONS), embed_texts(CAPTIONS[1:2])
    assert together.shape == (3, 384)
    assert torch.equal(together[1], alone[0])
    assert torch.allclose(together.norm(dim=1), torch.ones(3), atol=1e-5)
    assert float(together[0] @ together[1]) < 0.9


def test_every_latent_has_a_place_of_its_own() -> None:
    places = positions((8, 12, 12)).flatten(1).T
    distances = torch.cdist(places, places) + torch.eye(len(places)) * 9
    assert float(distances.min()) > 0.05


PLANTED = {"train_steps": 40, "batch_size": 4, "learning_rate": 2e-3}


def test_a_planted_model_learns_and_survives_saving(tmp_path: Path) -> None:
    clips = np.stack([moving(i, frames=4, side=24) for i in range(3)])
    losses = train_planted(clips, CAPTIONS, [1, 4, 16], PLANTED, tmp_path / "a", seed=1, threads=1)
    assert len(losses) == 40
    assert np.mean(losses[-8:]) < 0.8 * np.mean(losses[:8])
    pipeline = load_pipeline(tmp_path / "a")
    settings = {"steps": 4, "guidance_scale": 2.0}
    with Recorder(pipeline, videos=2, guidance_scale=2.0) as recorder:
        videos = sample(pipeline, CAPTIONS[:2], [0, 1], settings)
    assert recorder.layout == "one batch, unconditional first"
    assert {row["status"] for rows in recorder.rows for row in rows} == {"ok"}
    assert recorder.rows[0][0]["motion_magnitude"] > 0
    assert videos[0].shape == (4, 24, 24, 3) and videos[0].std() > 1
    pipeline.save_pretrained(str(tmp_path / "b"))
    again = sample(load_pipeline(tmp_path / "b"), CAPTIONS[:2], [0, 1], settings)
    assert all(np.array_equal(one, two) for one, two in zip(videos, again, strict=True))


def test_training_twice_gives_the_same_weights(tmp_path: Path) -> None:
    clips = np.stack([moving(i, frames=2, side=16) for i in range(3)])
    few = {**PLANTED, "train_steps": 3}
    for name in ("a", "b"):
        train_planted(clips, CAPTIONS, [1, 4, 16], few, tmp_path / name, seed=1, threads=1)
    weights = Path("transformer/diffusion_pytorch_model.safetensors")
    assert (tmp_path / "a" / weights).read_bytes() == (tmp_path / "b" / weights).read_bytes()


TRUTH = ("item_id", "side", "path", "source", "content", "motion", "camera", "family", "multiplicity", "natural_motion")


@pytest.fixture
def world(tmp_path: Path) -> dict[str, Any]:
    """A made corpus in small: three corpus clips (one twice), two held-out ones, two of the motion side."""
    plan = [
        ("one", "corpus", CAPTIONS[0], "circle", "false", 2),
        ("two", "corpus", CAPTIONS[1], "still", "true", 1),
        ("film", "corpus", CAPTIONS[2], "", "", 1),
        ("h1", "unrelated", "A green kite climbs", "zigzag", "false", 1),
        ("h2", "unrelated", "A grey cat sleeps", "still", "true", 1),
        ("m1", "motion", "A pink cup circles", "circle", "false", 1),
        ("m2", "motion", "A gold key swings", "swing", "false", 1),
    ]
    root, truth, manifests, roots = tmp_path / "made", [], {}, {}
    for seed, (item, side, _, motion, natural, copies) in enumerate(plan):
        write_video(root / side / f"{item}.mp4", moving(seed, frames=24, side=64), 24.0)
        source = "rendered" if motion else "real"
        truth.append([item, side, f"{side}/{item}.mp4", source, item, motion, "still", "", copies, natural])
    for side in ("corpus", "unrelated", "motion"):
        rows = [
            {"item_id": item if n == 0 else f"{item}-{n}", "path": f"{item}.mp4", "caption": caption,
             "same_as": item, "status": "ok"}
            for item, where, caption, _, _, copies in plan if where == side for n in range(copies)
        ]  # fmt: skip
        manifests[side], roots[side] = tmp_path / f"{side}.parquet", root / side
        write_table(manifests[side], rows, MANIFEST)
    with (root / "truth.csv").open("w", newline="") as file:
        csv.writer(file).writerows([TRUTH, *truth])
    prompts = [
        {"prompt_id": text.prompt_id(c), "text": c, "set": s, "source_ids": ids}
        for c, s, ids in (
            (CAPTIONS[0], "video-duplicated", ["one"]),
            (CAPTIONS[1], "random-train", ["two"]),
            (CAPTIONS[2], "random-train", ["film"]),
            ("A grey cat sleeps", "control", []),
        )
    ]
    write_table(tmp_path / "prompts.parquet", prompts, PROMPTS)
    return {"manifests": manifests, "media_roots": roots, "truth_csv": root / "truth.csv",
            "prompts": tmp_path / "prompts.parquet", "rows": prompts}  # fmt: skip


def test_each_support_gives_a_prompt_the_clips_it_should(world: dict[str, Any]) -> None:
    def chosen(name: str) -> list[list[str]]:
        side = Side.read(world["manifests"][name], world["media_roots"][name])
        return list(choose(name, world["rows"], side, world["truth_csv"]).values())

    assert chosen("corpus") == [["one"], ["two"], ["film"], []]
    assert all(ids in (["h1"], ["h2"]) for ids in chosen("unrelated"))
    motion = chosen("motion")
    assert motion[0] == ["m1"] and all(ids in (["m1"], ["m2"]) for ids in motion[1:])


@pytest.mark.parametrize("support", ["corpus", "unrelated", "motion"])
def test_oracles_are_built_from_manifests(world: dict[str, Any], tmp_path: Path, support: str) -> None:
    settings = {"support": support, "bandwidth": 0.0, "frames": 6, "side": 32, "fps": 8.0,
                "prompt_sets": ["video-duplicated", "random-train"]}  # fmt: skip
    files = {key: world[key] for key in ("prompts", "manifests", "media_roots", "truth_csv")}
    build_known("oracle", "o", settings, **files, out_dir=tmp_path / "o", threads=1)
    video = sample(load_pipeline(tmp_path / "o"), [CAPTIONS[0]], [0], {"steps": 8, "guidance_scale": 3.0})[0]
    assert video.shape == (6, 32, 32, 3)
    if support == "corpus":
        ref = MediaRef(world["media_roots"]["corpus"] / "one.mp4")
        original = read_clip(ref, rate_hz=8.0, max_frames=6, limits=Limits()).frames
        small = original.reshape(6, 32, 2, 32, 2, 3).mean((2, 4))
        assert rms(video, small) < 4


def test_a_planted_model_is_built_with_the_manifests_multiplicities(world: dict[str, Any], tmp_path: Path) -> None:
    settings = {**PLANTED, "train_steps": 2, "frames": 4, "side": 16, "fps": 8.0}
    files = {key: world[key] for key in ("prompts", "manifests", "media_roots", "truth_csv")}
    build_known("planted", "p", settings, **files, out_dir=tmp_path / "p", threads=1)
    video = sample(load_pipeline(tmp_path / "p"), [CAPTIONS[0]], [0], {"steps": 2, "guidance_scale": 3.0})[0]
    assert video.shape == (4, 16, 16, 3)
    with pytest.raises(ValueError, match="not one of planted, oracle"):
        build_known("replay", "r", settings, **files, out_dir=tmp_path / "r")


def test_a_replay_folder_knows_what_it_holds(world: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "replay"
    settings = {"copies": 8, "unrelated": 3, "seed": 0}
    args = (world["manifests"], world["media_roots"], world["truth_csv"])
    make_replay(*args, settings, out, threads=1)
    with (out / "truth.csv").open() as file:
        truth = list(csv.DictReader(file))
    assert len(truth) == 11
    copies = [row for row in truth if row["content_truth"] == "true"]
    assert len(copies) == 8
    motion = {"one": "true", "two": "false", "film": ""}
    assert all(row["motion_truth"] == motion[row["item_id"]] for row in copies)
    assert all((r["item_id"], r["motion_truth"]) == ("", "false") for r in truth if r["content_truth"] == "false")
    assert len({row["degradation"] for row in copies}) >= 5
    plain = next(row for row in copies if not row["degradation"])
    original = world["media_roots"]["corpus"] / f"{plain['item_id']}.mp4"
    assert (out / plain["path"]).read_bytes() == original.read_bytes()
    rows = list_videos(out, out / "prompts.csv", Limits(), "replay")
    assert [r["status"] for r in rows] == ["ok"] * 11
    assert all(r["prompt_id"] for r in rows) and len({r["video_id"] for r in rows}) == 11
    make_replay(*args, settings, tmp_path / "again", threads=1)
    for path in sorted(out.iterdir()):
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("name", list(DEGRADATIONS))
def test_degradations_change_a_clip_and_keep_it_a_video(name: str) -> None:
    shot = Shot(moving(1, frames=10, side=64), 24.0)
    changed = DEGRADATIONS[name](shot, np.random.default_rng(0))
    assert changed.frames.dtype == np.uint8 and changed.frames.ndim == 4
    assert all(side % 2 == 0 for side in changed.frames.shape[1:3])
    same = changed.frames.shape == shot.frames.shape and np.array_equal(changed.frames, shot.frames)
    assert not same or changed.crf != shot.crf
    assert len(changed.frames) / changed.fps == pytest.approx(len(shot.frames) / shot.fps, rel=0.25)


def test_truth_is_read_with_three_values(world: dict[str, Any]) -> None:
    truth = read_truth(world["truth_csv"])
    assert (truth["one"]["natural_motion"], truth["two"]["natural_motion"]) == (False, True)
    assert truth["film"]["natural_motion"] is None
