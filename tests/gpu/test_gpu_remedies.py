"""Remedies and further passes of the denoiser on the GPU: they run there, and do what the CPU's tests say they do."""

# ruff: noqa: F811 - fixtures of another file

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from gpuroom import DEVICE, devices, quiet, whole_float32
from test_detect_passes import PROMPTS as PASSED
from test_detect_passes import SETTINGS as PASSING
from test_remedies_pipelines import FAMILIES, PROMPTS, REMEDIES, SETTINGS, corpus, folders, remedy, way  # noqa: F401

from vidmem.generate import run
from vidmem.generate.extra_passes import make_passes, write_passes
from vidmem.generate.load import load_pipeline
from vidmem.tables import read_table

BY_GRADIENTS = ("amg", "embedding", "noise-adjust")
Made = tuple[dict[str, bytes], Any, Any]


def generate(source: Path, out: Path, corpus: tuple[Path, Path], **changes: Any) -> Made:
    """Bytes of the files, and the tables of videos and signals."""
    out.mkdir(exist_ok=True)
    files = [out / name for name in ("c.tar", "c.videos.parquet", "c.signals.parquet")]
    settings = {**SETTINGS, "device": DEVICE, **changes}
    with quiet():
        run.generate_chunk(PROMPTS, "m", settings, source, *files, out / "c.partial", threads=1, references=[corpus])
    return {path.name: path.read_bytes() for path in files}, read_table(files[1]), read_table(files[2])


@pytest.fixture(scope="module")
def made(
    folders: dict[str, Path], corpus: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str | None], Made]:
    """A family's chunk under a remedy, or under none; each is sampled once."""

    @cache
    def sampled(family: str, name: str | None) -> Made:
        chosen = {} if name is None else {"remedy": remedy(name)}
        return generate(folders[family], tmp_path_factory.mktemp("made"), corpus, **chosen)

    return sampled


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", REMEDIES)
def test_every_remedy_acts_on_the_gpu(family: str, name: str, made: Callable[..., Made]) -> None:
    (_, videos, signals), (_, _, plain_signals) = made(family, name), made(family, None)
    assert videos["status"].to_list() == ["ok"] * 2 and set(signals["status"]) == {"ok"}, videos["reason"].to_list()
    assert videos["remedy"].to_list() == [name.split()[0]] * 2
    assert way(signals) != way(plain_signals)
    first, unmitigated = (table.filter(table["step"] == 0)["content_magnitude"] for table in (signals, plain_signals))
    said = f"first step's magnitudes {first.to_list()}, without the remedy {unmitigated.to_list()}"
    if name in ("embedding", "noise-adjust"):
        assert (first < unmitigated).all(), said
    if name == "noise-choice":
        assert (first <= unmitigated * (1 + 1e-6)).all() and (first < unmitigated).any(), said
    if name.startswith(("amg", "neighbour")):
        assert signals["similar_by_frames"].is_in([f"clip-{n}" for n in range(3)]).all()
        assert (signals["similarity_frames"].abs() <= 1 + 1e-6).all(), signals["similarity_frames"].to_list()
    if name.startswith("amg"):
        assert (signals["remedy_change"] > 0).all(), signals["remedy_change"].to_list()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", REMEDIES)
def test_a_remedys_video_comes_again(
    family: str, name: str, made: Callable[..., Made], folders: dict[str, Path], corpus: Any, tmp_path: Path
) -> None:
    one, other = made(family, name), generate(folders[family], tmp_path / "a", corpus, remedy=remedy(name))
    same = [file for file in one[0] if one[0][file] == other[0][file]]
    way_one, way_other = way(one[2]), way(other[2])
    assert way_other == pytest.approx(way_one, rel=1e-5), f"{name} on {family}"
    if DEVICE != "cpu" and family == "modelscope" and name.startswith(BY_GRADIENTS):
        return  # on an H100 the same to some 4e-7; torch's deterministic algorithms, where it has them, changed nothing
    said = f"{name} on {family} is not deterministic: only {same} are the same bytes; norms {way_one} and {way_other}"
    assert same == list(one[0]), said


@pytest.mark.parametrize("name", ["amg fixed", "late-guidance", "neighbour"])
@pytest.mark.parametrize("offload", ["model", "sequential"])
def test_remedies_act_on_offloaded_models_too(
    offload: str, name: str, made: Callable[..., Made], folders: dict[str, Path], corpus: Any, tmp_path: Path
) -> None:
    parts = generate(folders["wan"], tmp_path / "a", corpus, remedy=remedy(name), offload=offload)
    assert parts[1]["status"].to_list() == ["ok"] * 2, parts[1]["reason"].to_list()
    assert way(parts[2]) == pytest.approx(way(made("wan", name)[2]), rel=1e-3)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["amg", "embedding", "noise-adjust", "neighbour"])
def test_remedies_that_ask_the_denoiser_again_do_so_in_half_precision(
    name: str, dtype: str, folders: dict[str, Path], corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    _, videos, signals = generate(folders["modelscope"], tmp_path / "a", corpus, remedy=remedy(name), dtype=dtype)
    assert videos["status"].to_list() == ["ok"] * 2 and set(signals["status"]) == {"ok"}, videos["reason"].to_list()


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_passes_over_noise_are_the_cpus(family: str, dtype: str, folders: dict[str, Path]) -> None:
    extra = {"noises": 2, "curvature": 1, "draft": 1}
    cpu = load_pipeline(folders[family], device="cpu")
    pipeline = load_pipeline(folders[family], device=DEVICE, dtype=dtype)
    assert devices(pipeline) == {DEVICE}
    with quiet(), whole_float32():
        expected, found = (list(make_passes(p, PASSED, PASSING, extra)) for p in (cpu, pipeline))
    assert [(r["status"], r["reason"], r["calls"]) for r in found] == [("ok", None, r["calls"]) for r in expected]
    for one, other in zip(expected, found, strict=True):
        assert (one.get("curvature") is None) == (other.get("curvature") is None)
        if one.get("moved") is not None:
            assert other["moved"] == pytest.approx(one["moved"], rel=1e-3 if dtype == "float32" else 0.05)
        if dtype == "float32":
            for column in ("content_magnitude", "motion_magnitude"):
                if one.get(column) is not None:
                    assert other[column] == pytest.approx(one[column], rel=3e-3), column
        if dtype == "float32" and one.get("curvature") is not None:  # a finite difference of a small difference
            assert other["curvature"] == pytest.approx(one["curvature"], rel=0.05), "curvature"


def test_a_table_of_passes_is_the_same_bytes_again(folders: dict[str, Path], tmp_path: Path) -> None:
    extra = {"noises": 2, "curvature": 1, "draft": 1}
    settings = {**PASSING, "device": DEVICE, "offload": "model"}
    for name in "ab":
        write_passes(PASSED, "m", settings, extra, folders["modelscope"], tmp_path / name)
    found = read_table(tmp_path / "a")
    assert set(found["status"]) == {"ok"} and found["curvature"].drop_nulls().len() == 2, found["reason"].to_list()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
