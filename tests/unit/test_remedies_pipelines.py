"""Remedies on real pipelines, tiny and with random weights: one U-Net, one flow-matching transformer.

Every one changes what it should and nothing else; none changes anything at strength 0; what can't work is refused by
name before any video is sampled.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pipelines
import pytest
import torch
from pydantic import TypeAdapter

from vidmem import text
from vidmem.config import remedies as config
from vidmem.generate import run
from vidmem.generate.guidance import GuidanceMismatch
from vidmem.generate.load import load_pipeline, sample
from vidmem.generate.recorder import Recorder, latent_frames
from vidmem.generate.remedies import references as references_module
from vidmem.generate.remedies.apply import ready
from vidmem.generate.remedies.base import Intervention, RemedyUnfit, Steered, Step
from vidmem.generate.remedies.references import prepare
from vidmem.generate.tasks import Task
from vidmem.media import write_video
from vidmem.tables import MANIFEST, read_table, write_table

MODULES = pipelines.families()
TEXTS = ["a dog runs on a beach", "two boats at sea"]
PROMPTS = [{"prompt_id": text.prompt_id(t), "text": t} for t in TEXTS]
SETTINGS: dict[str, Any] = {
    "kind": "diffusers", "seeds": 1, "steps": 2, "guidance_scale": 4.0, "frames": 9, "width": 16, "height": 16,
    "fps": 8.0, "crf": 0, "batch_size": 2, "device": "cpu",
}  # fmt: skip
# of each kind what makes it act on models of random weights
REMEDIES: dict[str, dict[str, Any]] = {
    "amg": {"threshold": -1.0, "c1": 1.0, "c2": 1.0, "gradient": "denoiser"},
    "amg fixed": {"threshold": -1.0, "gradient": "fixed"},
    "neighbour": {"threshold": -1.0, "tries": 2},
    "embedding": {"strength": 0.5, "iterations": 2, "learning_rate": 0.05},
    "late-guidance": {"strength": 0.5},
    "noise-choice": {"strength": 7},
    "noise-adjust": {"strength": 0.5, "iterations": 2, "learning_rate": 0.02},
}
FAMILIES = ["modelscope", "wan"]


def remedy(name: str, **changes: Any) -> dict[str, Any]:
    given = {"kind": name.split()[0], **REMEDIES[name], **changes}
    dumped: dict[str, Any] = TypeAdapter(config.Remedy).validate_python(given).model_dump()
    return dumped


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root, made = tmp_path_factory.mktemp("remedies"), {}
    for name in FAMILIES:
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(3)
            MODULES[name].build().save_pretrained(str(root / name), safe_serialization=True)
        made[name] = root / name
    return made


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A manifest of three clips of noise, and their folder."""
    root, rng, rows = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0), []
    for number in range(3):
        coarse = rng.integers(0, 255, (12, 4, 4, 3), dtype=np.uint8)
        frames = coarse.repeat(8, 1).repeat(8, 2)
        write_video(root / f"{number}.mp4", frames, 8.0)
        rows.append(
            {"item_id": f"clip-{number}", "path": f"{number}.mp4", "kind": "video", "fps": 8.0, "frames": 12,
             "width": 32, "height": 32, "duration_s": 1.5, "caption": f"noise {number}", "sha256": str(number),
             "same_as": f"clip-{number}", "status": "ok"}
        )  # fmt: skip
    write_table(root / "corpus.parquet", rows, MANIFEST, {})
    return root / "corpus.parquet", root


def generate(
    source: Path, out: Path, corpus: tuple[Path, Path], prompts: list[dict[str, str]] = PROMPTS, **changes: Any
) -> tuple[dict[str, bytes], Any, Any]:
    """Bytes of the files, and the tables of videos and signals."""
    out.mkdir(exist_ok=True)
    files = [out / name for name in ("c.tar", "c.videos.parquet", "c.signals.parquet")]
    settings = {**SETTINGS, **changes}
    run.generate_chunk(prompts, "m", settings, source, *files, out / "c.partial", threads=1, references=[corpus])
    return {path.name: path.read_bytes() for path in files}, read_table(files[1]), read_table(files[2])


@pytest.fixture(scope="session")
def plain(
    folders: dict[str, Path], corpus: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[dict[str, bytes], Any, Any]]:
    root = tmp_path_factory.mktemp("plain")
    return {name: generate(folders[name], root / name, corpus) for name in FAMILIES}


def way(signals: Any) -> list[float]:
    """The way that sampling took, to the last digit: pixels of random weights hardly show it."""
    norms: list[float] = signals["uncond_norm"].to_list()
    return norms


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", REMEDIES)
def test_every_remedy_works_and_says_what_it_cost(
    family: str, name: str, folders: dict[str, Path], corpus: tuple[Path, Path], plain: Any, tmp_path: Path
) -> None:
    _, videos, signals = generate(folders[family], tmp_path / "a", corpus, remedy=remedy(name))
    _, plain_videos, plain_signals = plain[family]
    assert videos["status"].to_list() == ["ok"] * 2 and set(signals["status"]) == {"ok"}
    assert videos["remedy"].to_list() == [name.split()[0]] * 2 and plain_videos["remedy"].to_list() == [None] * 2
    assert way(signals) != way(plain_signals)
    assert set(videos["video_id"]).isdisjoint(plain_videos["video_id"])
    assert plain_videos["denoiser_calls"].to_list() == [4] * 2, "two predictions a step"
    caption = 2 * (2 if family == "modelscope" else 1)  # on the neighbour's caption, in a batch with the empty one
    more = {"amg": 4 + caption, "amg fixed": caption, "noise-choice": 16, "late-guidance": 0}
    more["neighbour"] = 2 * (2 + 1)  # on its first step: two bisections, and what they gave
    if name in more:
        assert videos["denoiser_calls"].to_list() == [4 + more[name]] * 2
    first, unmitigated = (table.filter(table["step"] == 0)["content_magnitude"] for table in (signals, plain_signals))
    if name in ("embedding", "noise-adjust"):
        assert videos["denoiser_calls"].to_list() in (
            [10, 10],
            [12, 12],
        )  # at the start, after one or two iterations, and at what they gave
        assert (first < unmitigated).all()
    if name == "noise-choice":
        assert (first <= unmitigated).all() and (first < unmitigated).any()
    if name.startswith(("amg", "neighbour")):
        assert signals["similar_by_frames"].is_in([f"clip-{n}" for n in range(3)]).all()
        assert (signals["similarity_frames"].abs() <= 1).all()
    if name.startswith("amg"):
        assert (signals["remedy_change"] > 0).all() and (signals["similarity_motion"].abs() <= 1).all()


@pytest.mark.parametrize("name", REMEDIES)
def test_strength_0_is_no_remedy(
    name: str, folders: dict[str, Path], corpus: tuple[Path, Path], plain: Any, tmp_path: Path
) -> None:
    files, videos, signals = generate(folders["wan"], tmp_path / "a", corpus, remedy=remedy(name, strength=0))
    assert files["c.tar"] == plain["wan"][0]["c.tar"] and way(signals) == way(plain["wan"][2])
    assert videos["denoiser_calls"].to_list() == plain["wan"][1]["denoiser_calls"].to_list()


# what goes through all of a remedy's machinery and comes to nothing
IDLE = {
    "amg": {"c1": 0.0, "c2": 0.0, "c3": 0.0},
    "amg fixed": {"threshold": 1.0},
    "neighbour": {"threshold": 1.0},
    "embedding": {"target": 1e9},
    "late-guidance": {"strength": 0.2},
    "noise-adjust": {"target": 1e9},
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", IDLE)
def test_a_remedy_that_finds_nothing_to_do_leaves_the_pixels_as_they_are(
    family: str, name: str, folders: dict[str, Path], corpus: tuple[Path, Path], plain: Any, tmp_path: Path
) -> None:
    files, _, signals = generate(folders[family], tmp_path / "a", corpus, remedy=remedy(name, **IDLE[name]))
    assert files["c.tar"] == plain[family][0]["c.tar"] and way(signals) == way(plain[family][2])


@pytest.mark.parametrize("name", [name for name in REMEDIES if name != "noise-choice"])  # that is but another seed
def test_a_video_does_not_depend_on_its_batch(
    name: str, folders: dict[str, Path], corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    pipeline = load_pipeline(folders["wan"], device="cpu")
    task = Task("v", None, TEXTS[0], 0)
    settings = {**SETTINGS, "remedy": remedy(name)}
    prepared = ready(pipeline, settings, task, [corpus], tmp_path / "kept.safetensors")
    frames = latent_frames(pipeline, SETTINGS["frames"])

    def made(texts: list[str], seeds: list[int]) -> list[Any]:
        with Recorder(
            pipeline, videos=len(texts), guidance_scale=4.0, latent_frames=frames, remedy=prepared.intervention()
        ) as recorder:
            sample(pipeline, texts, seeds, settings)
        return recorder.rows

    together, alone = made(TEXTS, [0, 5]), made(TEXTS[1:], [5])
    for one, other in zip(together[1], alone[0], strict=True):
        for key in ("uncond_norm", "content_magnitude"):
            assert one[key] == pytest.approx(other[key], rel=1e-3)


CHILD = """
import json, sys
from vidmem.generate.run import generate_chunk
prompts, settings, source, out, references = json.loads(sys.argv[1])
generate_chunk(prompts, "m", settings, source, out + "/c.tar", out + "/c.videos.parquet", out + "/c.signals.parquet",
               out + "/c.partial", threads=1, references=references)
"""


def test_a_killed_job_goes_on_to_the_same_bytes(
    folders: dict[str, Path], corpus: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"remedy": remedy("amg"), "batch_size": 1}
    whole, _, _ = generate(folders["wan"], tmp_path / "whole", corpus, **changes)
    out = tmp_path / "killed"
    out.mkdir()
    pairs = [[str(path) for path in corpus]]
    job = json.dumps([PROMPTS, {**SETTINGS, **changes}, str(folders["wan"]), str(out), pairs])
    with subprocess.Popen([sys.executable, "-c", CHILD, job], env={**os.environ, "OMP_NUM_THREADS": "1"}) as child:
        end = time.monotonic() + 300
        while child.poll() is None and time.monotonic() < end and not list(out.glob("c.partial/*.json")):
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
    assert not (out / "c.tar").exists(), "the job was done before it was killed"

    def never(*args: Any) -> Any:
        raise AssertionError("references are encoded again")

    monkeypatch.setattr(references_module, "_encode", never)
    again, _, _ = generate(folders["wan"], out, corpus, **changes)
    assert again == whole
    assert sorted(path.name for path in out.iterdir()) == sorted(whole)


# References


@pytest.mark.parametrize("family", FAMILIES)
def test_references_are_the_latents_that_the_pipeline_decodes_to_the_clip(
    family: str, folders: dict[str, Path], corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    """Their shape is that of the model's clips, and each is nearest to itself; two windows fit into 12 frames."""
    pipeline = load_pipeline(folders[family], device="cpu")
    found = prepare(pipeline, [corpus], SETTINGS, tmp_path / "kept.safetensors")
    assert found.items == ("clip-0", "clip-1", "clip-2")  # 12 frames hold no second window of 9, half one later
    assert found.captions == ("noise 0", "noise 1", "noise 2") and not found.skipped
    for kind in ("frames", "motion"):
        sigma, which, shift = found.nearest(found.latents.float(), kind)
        assert sigma.tolist() == pytest.approx([1.0] * 3, abs=1e-3)
        assert which.tolist() == [0, 1, 2] and shift.tolist() == [0, 0, 0]


def test_longer_clips_are_cut_into_windows_that_overlap_by_half(
    folders: dict[str, Path], corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    pipeline = load_pipeline(folders["modelscope"], device="cpu")
    found = prepare(pipeline, [corpus], {**SETTINGS, "frames": 4}, tmp_path / "kept.safetensors")
    assert found.items[:5] == ("clip-0",) * 5 and len(found.items) == 15
    half = found.latents.shape[1] // 2
    torch.testing.assert_close(found.latents[0][half:], found.latents[1][:half])


def test_a_clip_that_can_t_be_read_is_named_and_none_at_all_is_refused(
    folders: dict[str, Path], corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    pipeline = load_pipeline(folders["modelscope"], device="cpu")
    rows = read_table(corpus[0]).to_dicts()
    broken = [{**row, "path": "no.mp4"} if n == 0 else row for n, row in enumerate(rows)]
    write_table(tmp_path / "some.parquet", broken, MANIFEST, {})
    found = prepare(pipeline, [(tmp_path / "some.parquet", corpus[1])], SETTINGS, tmp_path / "kept")
    assert dict(found.skipped) == {"clip-0": "file not found"} and set(found.items) == {"clip-1", "clip-2"}
    write_table(tmp_path / "none.parquet", broken[:1], MANIFEST, {})
    with pytest.raises(RemedyUnfit, match="no reference clip could be read: file not found"):
        prepare(pipeline, [(tmp_path / "none.parquet", corpus[1])], SETTINGS, tmp_path / "other")


# Refusals


def refusal(pipeline: Any, name: str, tmp_path: Path, corpus: tuple[Path, Path], **changes: Any) -> str:
    """What a remedy that can't be applied says; no step of a scheduler may have been taken to the end."""
    settings = {**SETTINGS, "remedy": remedy(name), **changes}
    with pytest.raises(RemedyUnfit) as caught, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ready(pipeline, settings, Task("v", None, TEXTS[0], 0), [corpus], tmp_path / "kept")
    return str(caught.value)


@pytest.mark.parametrize("name", REMEDIES)
def test_without_an_unconditional_prediction_no_remedy_is_applied(
    name: str, folders: dict[str, Path], corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    pipeline = load_pipeline(folders["wan"], device="cpu")
    said = refusal(pipeline, name, tmp_path, corpus, guidance_scale=1.0)
    assert f"remedy {name.split()[0]!r} can't be applied to WanPipeline" in said
    assert "no classifier-free guidance pair" in said


@pytest.mark.parametrize("family", ["ltx2", "cosmos"])
def test_guidance_of_other_kinds_is_refused_by_the_family_s_name(
    family: str, corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = MODULES[family].build()
    said = refusal(pipeline, "late-guidance", tmp_path, corpus)
    assert f"the family {family} doesn't hand its scheduler u + s (c - u)" in said


@pytest.mark.parametrize("name", ["amg", "embedding", "noise-adjust"])
def test_a_denoiser_without_gradients_is_refused(
    name: str, folders: dict[str, Path], corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    pipeline = load_pipeline(folders["modelscope"], device="cpu")
    pipeline.unet.forward = torch.no_grad()(pipeline.unet.forward)
    assert "no gradient comes through the denoiser" in refusal(pipeline, name, tmp_path, corpus)


def test_a_denoiser_that_answers_otherwise_each_time_is_refused(
    folders: dict[str, Path], corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    pipeline = load_pipeline(folders["modelscope"], device="cpu")
    forward, calls = pipeline.unet.forward, []

    def moody(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return (forward(*args, **kwargs)[0] * len(calls),)

    pipeline.unet.forward = moody
    assert "the denoiser answers otherwise when it is asked again" in refusal(pipeline, "embedding", tmp_path, corpus)


@pytest.mark.parametrize("name", ["amg", "neighbour"])
def test_without_references_or_without_a_size_what_looks_at_clips_is_refused(
    name: str, folders: dict[str, Path], corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    pipeline = load_pipeline(folders["modelscope"], device="cpu")
    settings = {**SETTINGS, "remedy": remedy(name)}
    with pytest.raises(RemedyUnfit, match="needs references"):
        ready(pipeline, settings, Task("v", None, TEXTS[0], 0))
    assert "set `width` of the model" in refusal(pipeline, name, tmp_path, corpus, width=None)


def test_without_a_second_caption_there_is_no_neighbour(
    folders: dict[str, Path], corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    pipeline = load_pipeline(folders["modelscope"], device="cpu")
    rows, captions = read_table(corpus[0]).to_dicts(), ["a", " ", None]
    one = [{**row, "caption": caption} for row, caption in zip(rows, captions, strict=True)]
    write_table(tmp_path / "one.parquet", one, MANIFEST, {})
    assert "it needs two captions in the corpus" in refusal(
        pipeline, "neighbour", tmp_path, (tmp_path / "one.parquet", corpus[1])
    )


def test_rewording_is_no_remedy_of_sampling(
    folders: dict[str, Path], corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    pipeline = load_pipeline(folders["modelscope"], device="cpu")
    reword = config.Reword(kind="reword").model_dump()
    said = refusal(pipeline, "amg", tmp_path, corpus, remedy=reword)
    assert "'reword'" in said and "doesn't act while sampling" in said


class _Double(Intervention):
    def steer(self, step: Step) -> Steered:
        return Steered(step.handed, step.sample, (step.pair[0], step.pair[1] * 2), [{"remedy_change": 1.0}])


def test_signals_are_those_of_the_step_as_it_was_taken(folders: dict[str, Path]) -> None:
    """The guidance is checked on what the pipeline did, and the rows are of what the remedy made of it."""
    pipeline = load_pipeline(folders["modelscope"], device="cpu")
    with Recorder(pipeline, guidance_scale=4.0, remedy=_Double()) as doubled:
        sample(pipeline, [TEXTS[0]], [0], SETTINGS)
    with Recorder(pipeline, guidance_scale=4.0) as alone:
        sample(pipeline, [TEXTS[0]], [0], SETTINGS)
    assert doubled.error is not None and doubled.error <= 1e-6
    for one, other in zip(doubled.rows[0], alone.rows[0], strict=True):
        assert one["remedy_change"] == 1.0 and "remedy_change" not in other
        assert one["uncond_norm"] == other["uncond_norm"] and one["content_magnitude"] > other["content_magnitude"]
    with pytest.raises(GuidanceMismatch), Recorder(pipeline, guidance_scale=9.0, remedy=_Double()) as wrong:
        wrong._scales = lambda: [9.0]  # type: ignore[method-assign]
        sample(pipeline, [TEXTS[0]], [0], SETTINGS)
