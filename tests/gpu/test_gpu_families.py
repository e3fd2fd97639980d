"""Every family's tiny pipeline on the GPU: sampled, recorded, and held against the CPU, itself, and itself alone.

What may differ is rounding. Weights that are changed by a millionth, about what another order of float32 sums comes to,
change magnitudes on the CPU by up to 5e-4 (differences of nearly equal predictions) and pixels by 1 of 255; `NEAR` and
`PIXELS` allow some times that. TF32 is off here: it has a test of its own in test_gpu_sampling.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gpuroom import DEVICE, apart, devices, pixels_apart, quiet, whole_float32
from test_families import CASES, SEEDS, STEPS, TEXTS, built, loading, pictures, sampled, settings_of

from vidmem.generate.families import FAMILIES, Family
from vidmem.generate.load import load_pipeline, sample
from vidmem.generate.recorder import Recorder, latent_frames

NEAR, PIXELS = 3e-3, (4, 0.1)  # relative, of magnitudes; largest and mean difference of pixels
OTHER_NOISE = {"i2vgen-xl"}  # draws the image's latents of the device's global generator: the seed's, but not the CPU's


@dataclass(frozen=True, repr=False)
class Case:
    """A family's pipeline on the device, its folder, and what it, once more it, and the CPU made: recorder, videos."""

    name: str
    family: Family
    pipeline: Any
    one: tuple[Recorder, list[Any]]
    again: tuple[Recorder, list[Any]]
    cpu: tuple[Recorder, list[Any]]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: " ".join(case).strip())
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    name, variant = request.param
    folder: Path = tmp_path_factory.mktemp("model")
    built(name, variant).save_pretrained(str(folder), safe_serialization=True)
    with quiet(), whole_float32():
        cpu = sampled(name, load_pipeline(folder, device="cpu", family=name, **loading(name)))
        pipeline = load_pipeline(folder, device=DEVICE, family=name, **loading(name))
        one, again = sampled(name, pipeline), sampled(name, pipeline)
        yield Case(name, FAMILIES[name], pipeline, one, again, cpu)


def test_its_videos_are_of_the_shape_that_was_asked_for(case: Case) -> None:
    assert devices(case.pipeline) == {DEVICE}
    settings, (_, videos) = settings_of(case.name), case.one
    assert [v.shape for v in videos] == [v.shape for v in case.cpu[1]] and len(videos) == len(SEEDS)
    assert case.family.image or case.family.condition == "none" or videos[0].shape[0] == settings["frames"]
    assert all(v.dtype == np.uint8 and v.std() > 0 for v in videos), [float(v.std()) for v in videos]


def test_its_guidance_is_rebuilt_of_what_its_denoiser_said(case: Case) -> None:
    recorder = case.one[0]
    statuses = [{(row["status"], row["reason"]) for row in rows} for rows in recorder.rows]
    if case.family.layout is None:
        assert all(status == "skipped" for found in statuses for status, _ in found), statuses
        return
    assert recorder.layout == case.family.layout
    assert recorder.error is not None and recorder.error <= 1e-6, f"relative error {recorder.error}"
    assert all(found == {("ok", None)} for found in statuses), statuses
    assert all(len(rows) >= STEPS for rows in recorder.rows)


def test_its_signals_and_pixels_are_those_of_the_cpu(case: Case) -> None:
    if DEVICE != "cpu" and case.name in OTHER_NOISE:
        pytest.skip(f"{case.name} draws latents of the device's own generator: other videos, though of the same seed")
    if case.family.layout is not None:
        found, where = apart(case.cpu[0].rows, case.one[0].rows)
        assert found <= NEAR, f"{case.name}: signals differ from the CPU's by {found:.2g} ({where})"
    most, mean = pixels_apart(case.cpu[1], case.one[1])
    said = f"{case.name}: pixels differ from the CPU's by up to {most}, {mean:.3f} on average"
    assert most <= PIXELS[0] and mean <= PIXELS[1], said


def test_the_same_task_twice_gives_the_same_bytes(case: Case) -> None:
    found, where = apart(case.one[0].rows, case.again[0].rows) if case.family.layout else (0.0, "")
    most, mean = pixels_apart(case.one[1], case.again[1])
    said = f"{case.name} is not deterministic: signals differ by {found:.2g} ({where}), pixels by {most} ({mean:.4f})"
    assert case.one[0].rows == case.again[0].rows and most == 0, said


def test_a_video_alone_is_that_of_its_batch(case: Case) -> None:
    if case.family.at_once == 1:
        pytest.skip("it makes one video at a time")
    place, settings = 2, settings_of(case.name)  # of the batch: the second prompt's first seed
    first = [pictures()[place]] if case.family.condition == "image" else None
    labels = [7] if case.family.condition == "class" else None
    frames = latent_frames(case.pipeline, settings["frames"])
    with quiet(), Recorder(case.pipeline, guidance_scale=4.0, latent_frames=frames) as alone:
        videos = sample(case.pipeline, TEXTS[place : place + 1], SEEDS[place : place + 1], settings, first, labels)
    if case.family.layout is not None:
        found, where = apart(case.one[0].rows[place : place + 1], alone.rows)
        assert found <= NEAR, f"{case.name}: signals alone differ from those in a batch by {found:.2g} ({where})"
    most, mean = pixels_apart(case.one[1][place : place + 1], videos)
    said = f"{case.name}: pixels alone differ from those in a batch by up to {most}, {mean:.3f} on average"
    assert most <= PIXELS[0] and mean <= PIXELS[1], said
