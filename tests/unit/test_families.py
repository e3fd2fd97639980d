"""Every family on a tiny pipeline of its own classes: saved, loaded, sampled twice, and what its denoiser said checked;
and a chunk of its videos killed and resumed.

A family joins by a module in `pipelines/`. With FAMILIES_TABLE=<path> in the environment, what was measured is written
there as CSV: family, variant, pipeline, layout, prediction, identity_error, resumed, reason.
"""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pipelines
import pytest
import torch
from killed import kill_after_first_clip

from vidmem import text
from vidmem.generate.asked import unprompted
from vidmem.generate.families import FAMILIES, Family, family_of, nearest
from vidmem.generate.layouts import LAYOUTS
from vidmem.generate.load import ModelError, load_pipeline, sample
from vidmem.generate.recorder import Recorder, latent_frames
from vidmem.generate.run import generate_chunk
from vidmem.tables import read_table

MODULES = pipelines.families()
CASES = [(name, variant) for name, module in MODULES.items() for variant in ("", *getattr(module, "VARIANTS", {}))]
TEXTS = ["a dog runs", "a dog runs", "two boats at sea", "two boats at sea"]
SEEDS = [0, 1, 0, 1]
LABELS = [3, 3, 7, 7]
STEPS = 2
COLUMNS = ["family", "variant", "pipeline", "layout", "prediction", "identity_error", "resumed", "reason"]
Runs = list[tuple[Recorder, list[Any]]]
Row = dict[str, object]


@dataclass(frozen=True)
class Case:
    """A family, its pipeline's folder and what was loaded from it, two runs of it, and its row of the table."""

    family: Family
    folder: Path
    pipeline: Any
    runs: Runs
    row: Row


def built(name: str, variant: str) -> Any:
    build: Callable[[], Any] = MODULES[name].VARIANTS[variant] if variant else MODULES[name].build
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(3)
        return build()


def loading(name: str) -> dict[str, Any]:
    return getattr(MODULES[name], "LOADING", {})


def settings_of(name: str) -> dict[str, Any]:
    module = MODULES[name]
    frames, size = getattr(module, "FRAMES", 3), getattr(module, "SIZE", 32)
    common = {"steps": STEPS, "guidance_scale": 4.0, "frames": frames, "width": size, "height": size, "fps": 8.0}
    return common | getattr(module, "ARGUMENTS", {})


def pictures() -> list[Any]:
    return [np.random.default_rng(i).integers(0, 255, (40, 48, 3), np.uint8) for i in range(len(SEEDS))]


def sampled(name: str, pipeline: Any) -> tuple[Recorder, list[Any]]:
    """Both prompts with both seeds, as many at once as the family allows; the first call's recorder holds all rows."""
    family, settings, images = FAMILIES[name], settings_of(name), pictures()
    together = family.at_once or len(SEEDS)
    calls, videos = [], []
    for start in range(0, len(SEEDS), together):
        part = slice(start, start + together)
        first = images[part] if family.condition == "image" else None
        labels = LABELS[part] if family.condition == "class" else None
        with Recorder(
            pipeline,
            videos=len(SEEDS[part]),
            guidance_scale=4.0,
            latent_frames=latent_frames(pipeline, settings["frames"]),
        ) as recorder:
            videos += sample(pipeline, TEXTS[part], SEEDS[part], settings, first, labels)
        calls.append(recorder)
    for more in calls[1:]:
        calls[0].rows += more.rows
    return calls[0], videos


@pytest.fixture(scope="module")
def measured() -> Iterator[dict[tuple[str, str], Row]]:
    """Rows of the table by family and variant."""
    rows: dict[tuple[str, str], Row] = {}
    yield rows
    path = os.environ.get("FAMILIES_TABLE")
    if path and rows:
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows[key] for key in sorted(rows))


@pytest.fixture(scope="module", params=CASES, ids=lambda case: " ".join(case).strip())
def case(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    measured: dict[tuple[str, str], Row],
) -> Case:
    name, variant = request.param
    folder = tmp_path_factory.mktemp("model")
    built(name, variant).save_pretrained(str(folder), safe_serialization=True)
    pipeline = load_pipeline(folder, device="cpu", family=name, **loading(name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # families without guidance warn, and the test of the rows checks why
        runs = [sampled(name, pipeline) for _ in range(2)]
    row = measured.setdefault((name, variant), {"family": name, "variant": variant})
    return Case(FAMILIES[name], folder, pipeline, runs, row)


def test_the_guidance_is_what_the_family_declares(case: Case) -> None:
    family, pipeline, recorder = case.family, case.pipeline, case.runs[0][0]
    assert recorder.layout == family.layout
    if family.layout is None:
        assert all(row["status"] == "skipped" and family.why in row["reason"] for row in recorder.rows[0])
    else:
        assert recorder.error is not None and recorder.error <= 1e-6
    channels = getattr(pipeline, family.denoisers[0]).config
    assert family.learned_variance == (channels.get("out_channels") == 2 * channels.get("in_channels", 0) > 0)
    case.row.update(
        pipeline=type(pipeline).__name__,
        layout=family.layout or "none",
        prediction=family.prediction,
        identity_error="" if recorder.error is None else f"{recorder.error:.2g}",
        reason=family.why,
    )


def chunk(case: Case, out: Path) -> dict[str, Any]:
    """What `generate_chunk` is told: two prompts with two seeds each, or what the family takes in their place."""
    family, texts = case.family, sorted(set(TEXTS))
    prompts: list[dict[str, Any]] = [{"prompt_id": text.prompt_id(t), "text": t} for t in texts]
    if family.condition in ("class", "none"):
        prompts = unprompted(range(len(SEEDS)), sorted(set(LABELS)) if family.condition == "class" else ())
    images = None
    if family.condition == "image":
        images = dict(zip("ab", pictures(), strict=False))
        prompts = [{**prompt, "condition": item} for prompt, item in zip(prompts, images, strict=True)]
    own = {"kind": "diffusers", "family": family.name, "seeds": 2, "batch_size": 2, "crf": 12, "device": "cpu"}
    return {
        "prompts": prompts,
        "model_name": "m",
        "settings": settings_of(family.name) | own | loading(family.name),
        "source": case.folder,
        "out_tar": out / "c.tar",
        "out_videos": out / "c.videos.parquet",
        "out_signals": out / "c.signals.parquet",
        "partial_dir": out / "c.partial",
        "threads": 1,
        "images": images,
    }


def test_a_chunk_that_was_killed_and_resumed_is_the_uninterrupted_one_byte_for_byte(case: Case, tmp_path: Path) -> None:
    whole, cut = chunk(case, tmp_path / "whole"), chunk(case, tmp_path / "cut")
    files = ("out_tar", "out_videos", "out_signals")
    kill_after_first_clip(cut, cut["partial_dir"])
    assert not any(cut[name].exists() for name in files)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each in (whole, cut):
            generate_chunk(**each)
    assert read_table(whole["out_videos"])["status"].to_list() == ["ok"] * len(SEEDS)
    same = [whole[name].read_bytes() == cut[name].read_bytes() for name in files]
    case.row["resumed"] = "same bytes" if all(same) else "other bytes"
    assert all(same), [name for name, is_same in zip(files, same, strict=True) if not is_same]


def test_signals_are_finite_and_the_videos_own(case: Case) -> None:
    family, (recorder, videos) = case.family, case.runs[0]
    if family.layout is None:
        return
    for rows, video in zip(recorder.rows, videos, strict=True):
        assert [row["step"] for row in rows] == list(range(len(rows))) and len(rows) >= STEPS
        for row in rows:
            assert row["status"] == "ok", row["reason"]
            numbers = [row[key] for key in ("content_magnitude", "uncond_norm", "cosine", "alpha_bar")]
            assert all(math.isfinite(number) for number in (*numbers, *row["profile"]))
            assert row["content_magnitude"] > 0 and -1.001 <= row["cosine"] <= 1.001 and 0 <= row["alpha_bar"] <= 1
            square = np.mean(np.square(row["profile"]))
            assert square == pytest.approx(row["content_magnitude"] ** 2, rel=1e-3)
            assert (row["motion_magnitude"] is None) == (len(row["profile"]) == 1)
        assert family.image == (len(video) == 1)
    firsts = [rows[0]["content_magnitude"] for rows in recorder.rows]
    assert len(set(firsts)) == len(firsts), "each prompt and seed has signals of its own"


def test_the_same_pixels_and_signals_come_again(case: Case) -> None:
    (recorder, videos), (again, pixels) = case.runs
    assert all(np.array_equal(one, other) for one, other in zip(videos, pixels, strict=True))
    assert recorder.rows == again.rows
    assert not np.array_equal(videos[0], videos[1]), "seeds differ"


def test_a_video_does_not_depend_on_what_is_sampled_with_it(case: Case) -> None:
    """The second prompt's first, alone; what takes one video at a time takes it as it did."""
    family, settings = case.family, settings_of(case.family.name)
    first = [pictures()[2]] if family.condition == "image" else None
    labels = LABELS[2:3] if family.condition == "class" else None
    frames = latent_frames(case.pipeline, settings["frames"])
    with warnings.catch_warnings(), Recorder(case.pipeline, guidance_scale=4.0, latent_frames=frames) as recorder:
        warnings.simplefilter("ignore")
        (video,) = sample(case.pipeline, TEXTS[2:3], SEEDS[2:3], settings, first, labels)
    together, videos = case.runs[0]
    assert np.abs(video.astype(int) - videos[2].astype(int)).max() <= 2
    for alone, row in zip(recorder.rows[0], together.rows[2], strict=True):
        if family.layout is not None:
            assert alone["content_magnitude"] == pytest.approx(row["content_magnitude"], rel=3e-3)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("modelscope", "bfloat16"), ("wan", "bfloat16"), ("ltx", "float16"), ("animatediff-sdxl", "float16")],
)
def test_the_identity_is_exact_in_half_precision_too(name: str, dtype: str, tmp_path: Path) -> None:
    built(name, "").save_pretrained(str(tmp_path), safe_serialization=True)
    recorder, videos = sampled(name, load_pipeline(tmp_path, device="cpu", dtype=dtype))
    assert recorder.error == 0
    assert {row["status"] for rows in recorder.rows for row in rows} == {"ok"}
    assert len(videos) == len(SEEDS)


def test_every_term_of_ltx2s_guidance_is_rebuilt() -> None:
    pipeline = built("ltx2", "")
    pipeline.set_progress_bar_config(disable=True)
    with torch.inference_mode(), Recorder(pipeline, guidance_scale=4.0, latent_frames=5) as recorder:
        pipeline("a dog runs", width=32, height=32, num_frames=9, num_inference_steps=2, max_sequence_length=16,
                 guidance_scale=4.0, stg_scale=1.5, spatio_temporal_guidance_blocks=[0], modality_scale=2.0,
                 guidance_rescale=0.5)  # fmt: skip
    assert recorder.error == 0 and {row["status"] for row in recorder.rows[0]} == {"ok"}


def test_a_family_declares_what_exists() -> None:
    import diffusers

    assert set(MODULES) == set(FAMILIES), "each family has a tiny pipeline"
    for family in FAMILIES.values():
        assert family.layout is None or family.layout in LAYOUTS
        for name in family.pipelines:
            assert hasattr(diffusers, name) and family_of(name) is family
        assert all(family.fits(n) for frames in range(1, 130) for n in family.near(frames))


def test_wrong_numbers_of_frames_are_answered_with_the_next_valid_ones() -> None:
    assert FAMILIES["wan"].near(16) == (13, 17) and FAMILIES["wan"].near(17) == (17,)
    assert FAMILIES["wan"].near(0) == (1,)
    assert FAMILIES["ltx"].near(100) == (97, 105)
    assert FAMILIES["mochi"].near(20) == (19, 25)
    assert FAMILIES["allegro"].near(87) == (72, 88) and FAMILIES["allegro"].near(2) == (24,)
    assert FAMILIES["latte"].near(24) == (16,) and FAMILIES["latte"].fits(16)
    assert FAMILIES["animatediff"].near(40) == (32,)
    assert FAMILIES["stable-diffusion"].fits(16), "an image model makes one frame, whatever is asked"


def test_an_unknown_family_is_answered_with_the_nearest() -> None:
    assert nearest("wan2.1") == "wan"
    assert nearest("ModelScopeT2V") == "modelscope"
    assert nearest("CogVideo") == "cogvideox"
    assert nearest("StableDiffusionXLPipeline") == "sdxl"
    assert family_of("NobodysPipeline") is None


def test_a_model_of_another_family_than_said_is_refused(tmp_path: Path) -> None:
    built("stable-diffusion", "").save_pretrained(str(tmp_path), safe_serialization=True)
    with pytest.raises(ModelError, match="StableDiffusionPipeline, which is of the family 'stable-diffusion'"):
        load_pipeline(tmp_path, device="cpu", family="sdxl")
    with pytest.raises(ModelError, match="unknown family 'stabel-diffusion': did you mean 'stable-diffusion'"):
        load_pipeline(tmp_path, device="cpu", family="stabel-diffusion")


def test_reading_families_imports_nothing_heavy() -> None:
    code = (
        "import sys, vidmem.generate.families; print([m for m in ('torch', 'diffusers', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
