"""The registry: every entry says all that it must, is valid for its family, and gives way to what an audit says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from vidmem.config import Audit, ConfigError, load_config
from vidmem.config.models import Diffusers
from vidmem.config.registry import REGISTRY, Preset, PresetError, RealRun, expand, read_registry
from vidmem.generate.families import FAMILIES
from vidmem.plan import Plan

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAMED = [
    "modelscope-1.7b", "zeroscope-v2", "animatediff-v1.5.3", "animatediff-sdxl", "latte-1", "cogvideox-2b",
    "cogvideox-5b", "ltx-video", "ltx-2", "mochi-1", "allegro", "wan2.1-t2v-1.3b", "wan2.1-t2v-14b",
    "wan2.2-t2v-a14b", "hunyuanvideo", "hunyuanvideo-1.5", "skyreels-v2", "svd", "sd-1.4", "easyanimate",
    "sana-video", "kandinsky5", "cosmos", "motif-video", "helios",
]  # fmt: skip
MUST = [
    "title", "family", "source", "revision", "dtype", "frames", "width", "height", "fps", "steps", "guidance_scale",
    "scheduler", "batch_size", "gpu_memory_gb", "licence", "run_on_real_weights",
]  # fmt: skip


def config(tmp_path: Path, **model: Any) -> dict[str, Any]:
    (tmp_path / "corpus").mkdir(exist_ok=True)
    (tmp_path / "corpus" / "a.mp4").write_bytes(b"x")
    return {"audit": "a", "corpus": {"folder": str(tmp_path / "corpus")}, "models": {"m": model}}


def model(audit: Audit) -> Diffusers:
    found = audit.models["m"]
    assert isinstance(found, Diffusers)
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nobody has logged in to the hub, or fetched anything."""
    for name in ("HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub-home"))
    return tmp_path / "hub-home"


def test_the_named_models_are_there() -> None:
    assert sorted(read_registry()) == sorted(NAMED)


@pytest.mark.parametrize("name", NAMED)
def test_an_entry_says_everything_and_fits_its_family(name: str) -> None:
    raw, entry = yaml.safe_load(REGISTRY.read_text(encoding="utf-8"))[name], read_registry()[name]
    assert [key for key in MUST if key not in raw] == []
    family = FAMILIES[str(entry.family)]
    assert entry.frames and family.fits(entry.frames)
    assert (
        entry.width and entry.height and entry.width % family.size_multiple == entry.height % family.size_multiple == 0
    )
    assert entry.condition == family.condition
    assert entry.source and (entry.motion_adapter is not None) == (family.image_model is not None)


def test_no_pin_is_made_up_and_a_run_on_real_weights_says_when_and_where() -> None:
    for name, entry in read_registry().items():
        assert entry.revision is None or re.fullmatch("[0-9a-f]{40}", entry.revision), name
        ran = entry.run_on_real_weights
        assert not ran.done or (ran.when and ran.where), name


def test_every_field_has_a_description() -> None:
    for section in (Preset, RealRun):
        assert [name for name, field in section.model_fields.items() if not field.description] == []


def test_a_preset_is_a_diffusers_model_and_any_key_overrides_it() -> None:
    entry = read_registry()["wan2.1-t2v-1.3b"]
    given = {"preset": "wan2.1-t2v-1.3b", "source": "/weights/wan", "seeds": 2, "frames": 17}
    made = model(load_config({"audit": "a", "corpus": {"folder": "x"}, "models": {"m": given}}))
    assert (made.source, made.seeds, made.frames, made.revision) == ("/weights/wan", 2, 17, None)
    assert (made.family, made.steps, made.fps, made.dtype) == ("wan", entry.steps, entry.fps, entry.dtype)


def test_the_same_settings_written_out_are_the_same_model() -> None:
    preset = expand({"preset": "latte-1", "source": "/w"})
    written = {k: v for k, v in preset.items() if k != "preset"}
    audits = [
        load_config({"audit": "a", "corpus": {"folder": "x"}, "models": {"m": given}})
        for given in ({"preset": "latte-1", "source": "/w"}, written)
    ]
    assert model(audits[0]).model_dump() == model(audits[1]).model_dump()


def test_what_is_only_said_of_a_model_is_no_setting_of_a_job() -> None:
    audit = load_config({"audit": "a", "corpus": {"folder": "x"}, "models": {"m": {"preset": "svd", "source": "/w"}}})
    assert not {"licence", "gpu_memory_gb", "seconds_per_video", "gated", "preset"} & set(model(audit).model_dump())


def test_a_source_of_ones_own_drops_the_pin_of_another_repository(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    entry = {"title": "T", "family": "wan", "source": "o/n", "revision": COMMIT, "steps": 4, "guidance_scale": 2}
    path.write_text(yaml.safe_dump({"t": entry}))
    assert expand({"preset": "t"}, path)["revision"] == COMMIT
    assert expand({"preset": "t", "source": "o/n"}, path)["revision"] == COMMIT
    assert "revision" not in expand({"preset": "t", "source": "other/n"}, path)
    with pytest.raises(PresetError, match=r"'tt' is no preset of models\.yaml; did you mean 't'"):
        expand({"preset": "tt"}, path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a: [", "not valid YAML"), ("a: {title: T, family: wan}", "a.steps: Field required"), (None, "No such file")],
)
def test_a_broken_registry_is_named(tmp_path: Path, text: str | None, expected: str) -> None:
    path = tmp_path / "models.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=expected) as caught:
        read_registry(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"preset": "latte-1"}, "models.m.revision: 'maxin-cn/Latte-1' is not a folder; for a hub id (owner/name) pin"),
        ({"preset": "latte-1"}, "`git ls-remote https://huggingface.co/maxin-cn/Latte-1 HEAD` prints"),
        ({"preset": "latte-1", "family": "lattte"}, "models.m.family: 'lattte' is no family; did you mean 'latte'?"),
        (
            {"preset": "wan2.1-t2v-1.3b", "revision": COMMIT, "frames": 80},
            "videos have 1 + 4 k frames; set 77 or 81",
        ),
        (
            {"preset": "wan2.1-t2v-1.3b", "revision": COMMIT, "width": 840},
            "sides are multiples of 16; set 832 or 848",
        ),
        ({"preset": "svd", "revision": COMMIT, "condition": "text"}, "takes no prompts: set `condition: image`"),
        (
            {"preset": "svd", "revision": COMMIT, "images": "heldout"},
            "models.m.images: 'heldout' needs `corpus.heldout`",
        ),
        (
            {"preset": "animatediff-v1.5.3", "revision": COMMIT},
            "models.m.motion_adapter_revision: 'guoyww/animatediff-motion-adapter-v1-5-3' is not a folder; for a hub "
            "id (owner/name) pin its commit: `git ls-remote "
            "https://huggingface.co/guoyww/animatediff-motion-adapter-v1-5-3 HEAD` prints",
        ),
        (
            {"preset": "animatediff-sdxl", "revision": COMMIT, "motion_adapter": "/nowhere/at/all"},
            "models.m.motion_adapter: '/nowhere/at/all' is no folder",
        ),
        (
            {"preset": "latte-1", "revision": COMMIT, "motion_adapter": "owner/name"},
            "models.m.motion_adapter: Latte takes none; it is for AnimateDiff's image models",
        ),
        (
            {"preset": "latte-1", "revision": COMMIT, "guidance_scale_2": 3},
            "models.m.guidance_scale_2: Latte has one guidance scale: drop it",
        ),
        ({"preset": "latte-1", "revision": COMMIT, "guardrail": False}, "models.m.guardrail: Latte has none: drop it"),
        (
            {"preset": "cosmos", "revision": COMMIT},
            "models.m.source: 'nvidia/Cosmos-1.0-Diffusion-7B-Text2World' is gated: accept its terms on "
            "https://huggingface.co/nvidia/Cosmos-1.0-Diffusion-7B-Text2World, then log in with `hf auth login` or set "
            "HF_TOKEN",
        ),
    ],
)
def test_what_cant_run_is_one_line_before_anything_runs(
    tmp_path: Path, home: Path, given: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Plan(config(tmp_path, **given))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_gated_weights_are_no_fault_with_a_token_or_in_the_cache(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gated = config(tmp_path, preset="cosmos", revision=COMMIT)
    snapshot = home / "hub" / "models--nvidia--Cosmos-1.0-Diffusion-7B-Text2World" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    assert Plan(gated).fetched == ["m"]
    snapshot.rmdir()
    monkeypatch.setenv("HF_TOKEN", "hf_secretsecret")
    assert "secret" not in str(Plan(gated).settings("generate", "m"))


def test_a_folder_is_always_accepted_and_its_family_is_read_from_its_index(tmp_path: Path) -> None:
    (tmp_path / "pipe").mkdir()
    (tmp_path / "pipe" / "model_index.json").write_text('{"_class_name": "WanPipeline"}')
    given = {"kind": "diffusers", "source": str(tmp_path / "pipe"), "frames": 17, "width": 64, "height": 64}
    assert Plan(config(tmp_path, **given) | {"retrieve": {"window": 4}}).fetched == []
    with pytest.raises(ConfigError, match="set 13 or 17"):
        Plan(config(tmp_path, **given | {"frames": 16}))


def test_an_image_model_in_a_folder_and_an_adapter_are_a_model_of_the_family_that_they_make(tmp_path: Path) -> None:
    for name in ("image", "adapter"):
        (tmp_path / name).mkdir()
    (tmp_path / "image" / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')
    given = {"kind": "diffusers", "source": str(tmp_path / "image"), "frames": 16, "width": 64, "height": 64}
    wanted = {**given, "family": "animatediff-sdxl"}
    with pytest.raises(ConfigError, match=r"m\.motion_adapter: is missing: .* is an image model \(StableDiffusionXLP"):
        Plan(config(tmp_path, **wanted))
    with pytest.raises(ConfigError, match=r"m\.motion_adapter: .* has no config\.json"):
        Plan(config(tmp_path, **wanted, motion_adapter=str(tmp_path / "adapter")))
    (tmp_path / "adapter" / "config.json").write_text("{}")
    assert Plan(config(tmp_path, **wanted, motion_adapter=str(tmp_path / "adapter"))).fetched == []
    with pytest.raises(ConfigError, match="33 does not fit AnimateDiff-SDXL"):
        Plan(config(tmp_path, **given | {"frames": 33}, motion_adapter=str(tmp_path / "adapter")))
    hub = Plan(config(tmp_path, **wanted, motion_adapter="owner/name", motion_adapter_revision=COMMIT))
    assert hub.fetched == ["m"]
    assert hub.parts("m") == [str(tmp_path / "image"), None, "owner/name", COMMIT]


def test_an_adapter_of_ones_own_drops_the_pin_of_another_repository(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    pins = {"motion_adapter": "o/a", "motion_adapter_revision": COMMIT, "steps": 4, "guidance_scale": 2}
    path.write_text(yaml.safe_dump({"t": {"title": "T", "source": "o/n", "revision": COMMIT, **pins}}))
    mine = expand({"preset": "t", "motion_adapter": "mine/a"}, path)
    assert mine["revision"] == COMMIT and "motion_adapter_revision" not in mine


def test_reading_a_config_with_presets_imports_nothing_heavy(tmp_path: Path) -> None:
    given = config(tmp_path, preset="latte-1", revision=COMMIT)
    code = f"""
import sys
from vidmem.plan import Plan
plan = Plan({given!r})
plan.settings("generate", "m")
import vidmem.plan.cost
print([m for m in ("torch", "diffusers", "transformers", "huggingface_hub", "polars", "cv2", "av") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
