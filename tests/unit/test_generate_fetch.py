"""Weights are fetched at the pinned commit, only what is needed, never pickle; and every refusal says what to do.

The client is the real one; it talks to a stand-in of the hub's HTTP API on this machine. No real hub was asked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hubstandin import COMMIT, Hub

from vidmem.generate.fetch import WeightsError, components, select
from vidmem.generate.redact import without_tokens

INDEX = {
    "_class_name": "WanPipeline",
    "_diffusers_version": "0.42.0",
    "scheduler": ["diffusers", "UniPCMultistepScheduler"],
    "tokenizer": ["transformers", "T5TokenizerFast"],
    "transformer": ["diffusers", "WanTransformer3DModel"],
    "transformer_2": [None, None],
    "vae": ["diffusers", "AutoencoderKLWan"],
}
SHARDS = {
    "weight_map": {
        "a": "diffusion_pytorch_model-00001-of-00002.safetensors",
        "b": "diffusion_pytorch_model-00002-of-00002.safetensors",
    }
}
NEEDED = {
    "model_index.json": json.dumps(INDEX),
    "scheduler/scheduler_config.json": "{}",
    "tokenizer/spiece.model": "pieces",
    "tokenizer/tokenizer_config.json": '{"of": "tokenizer"}',
    "transformer/config.json": '{"of": "transformer"}',
    "transformer/diffusion_pytorch_model-00001-of-00002.safetensors": "1" * 5000,
    "transformer/diffusion_pytorch_model-00002-of-00002.safetensors": "2" * 5000,
    "transformer/diffusion_pytorch_model.safetensors.index.json": json.dumps(SHARDS),
    "vae/config.json": '{"of": "vae"}',
    "vae/diffusion_pytorch_model.safetensors": "v" * 3000,
}
OTHER = {
    "README.md": "a card",
    "pipeline.py": "print('code')",
    "whole-model.safetensors": "w" * 9000,
    "assets/video.mp4": "film",
    "transformer/diffusion_pytorch_model.bin": "pickle",
    "transformer/diffusion_pytorch_model.bin.index.json": "{}",
    "vae/diffusion_pytorch_model.fp16.safetensors": "h" * 1500,
    "vae/diffusion_pytorch_model.safetensors.index.fp16.json": "{}",
    "text_encoder/model.safetensors": "of no component",
}


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub({name: text.encode() for name, text in {**NEEDED, **OTHER}.items()})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def ask(hub: Hub, home: Path, call: str = f"fetch('owner/name', '{COMMIT}')", **environment: str) -> Any:
    """What a call of the module gives in a process of its own, or the line that it ends with."""
    said = f"print(json.dumps({call}, default=str))"
    code = f"""
import json
from vidmem.generate.adapter import fetch_model
from vidmem.generate.fetch import *
try: {said}
except WeightsError as error: print(json.dumps(str(error)))
"""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    given = {
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env={**clean, **given, **environment}, capture_output=True, text=True, check=True
    )
    assert "hf_secret" not in done.stdout + done.stderr
    return json.loads(done.stdout)


def test_only_what_the_pipeline_loads_is_fetched(hub: Hub, tmp_path: Path) -> None:
    record = ask(hub, tmp_path)
    assert [f["path"] for f in record["files"]] == sorted(NEEDED)
    assert {f["path"]: f["bytes"] for f in record["files"]} == {n: len(t) for n, t in NEEDED.items()}
    assert set(hub.served) == set(NEEDED)
    assert (record["source"], record["revision"]) == ("owner/name", COMMIT)


def test_what_is_in_the_cache_is_not_fetched_again_and_serves_offline(hub: Hub, tmp_path: Path) -> None:
    first = ask(hub, tmp_path)
    hub.served.clear()
    assert ask(hub, tmp_path) == first and not hub.served
    assert ask(hub, tmp_path, HF_HUB_OFFLINE="1") == first
    hub.shutdown()  # a job on a node without a network
    hub.server_close()
    folder = Path(ask(hub, tmp_path, f"verified({first!r})"))
    assert {n: (folder / n).read_text() for n in NEEDED} == NEEDED


def test_a_broken_download_ends_whole_and_leaves_the_other_files_alone(hub: Hub, tmp_path: Path) -> None:
    hub.cut = broken = "vae/diffusion_pytorch_model.safetensors"
    folder = Path(ask(hub, tmp_path, f"verified(fetch('owner/name', '{COMMIT}'))"))
    assert hub.cut == "cut" and (folder / broken).read_text() == NEEDED[broken]
    assert {n: size for n, size in hub.served.items() if n != broken} == {
        n: len(t) for n, t in NEEDED.items() if n != broken
    }


def test_a_file_that_has_gone_from_the_cache_is_fetched_again(hub: Hub, tmp_path: Path) -> None:
    record = ask(hub, tmp_path)
    folder = Path(ask(hub, tmp_path, f"verified({record!r})"))
    (folder / "vae/diffusion_pytorch_model.safetensors").resolve().unlink()
    (folder / "vae/diffusion_pytorch_model.safetensors").unlink()
    said = ask(hub, tmp_path, f"verified({record!r})", HF_HUB_OFFLINE="1")
    assert said.startswith(f"owner/name at {COMMIT} is not in the local cache (vae/*.safetensors is missing)")
    hub.served.clear()
    assert Path(ask(hub, tmp_path, f"verified({record!r})")) == folder
    assert hub.served == {"vae/diffusion_pytorch_model.safetensors": 3000}


def test_offline_with_an_empty_cache_says_what_to_do(hub: Hub, tmp_path: Path) -> None:
    said = ask(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert "is not in the local cache (everything is missing)" in said and "unset HF_HUB_OFFLINE" in said


def test_gated_weights_say_how_to_log_in_and_never_show_the_token(hub: Hub, tmp_path: Path) -> None:
    hub.gated = True
    said = ask(hub, tmp_path, **{"HF_TOKEN": "hf_secretsecret"})
    assert said == (
        "owner/name is gated: accept its terms on https://huggingface.co/owner/name, then log in with `hf auth login`, "
        "or set HF_TOKEN"
    )


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (f"fetch('owner/nmae', '{COMMIT}')", "the hub has no owner/nmae, or it is private: check the name"),
        (f"fetch('owner/name', '{'f' * 40}')", f"owner/name has no commit {'f' * 40}: `git ls-remote"),
    ],
)
def test_a_name_or_commit_that_the_hub_lacks_is_one_line(hub: Hub, tmp_path: Path, call: str, expected: str) -> None:
    said = ask(hub, tmp_path, call)
    assert said.startswith(expected) and "\n" not in said


def test_a_repository_that_is_no_pipeline_is_named(hub: Hub, tmp_path: Path) -> None:
    del hub.files["model_index.json"]
    said = ask(hub, tmp_path)
    assert said.startswith(
        "owner/name has no model_index.json: it is no diffusers pipeline (whole-model.safetensors is a single"
    )


def test_pickle_is_refused_with_the_line_that_converts_it() -> None:
    names = ["model_index.json", "vae/config.json", "vae/diffusion_pytorch_model.bin"]
    with pytest.raises(WeightsError) as caught:
        select(names, {"vae": ["diffusers", "AutoencoderKL"]}, "owner/name", COMMIT)
    assert str(caught.value) == (
        "owner/name has vae only as pickle (diffusion_pytorch_model.bin), which can run code; convert it once, where "
        'you trust its authors, and give FOLDER as `source`: python -c "from diffusers import DiffusionPipeline as P; '
        f"P.from_pretrained('owner/name', revision='{COMMIT}', use_safetensors=False)"
        ".save_pretrained('FOLDER', safe_serialization=True)\""
    )


def test_weights_that_are_there_only_as_a_variant_are_refused_by_its_name() -> None:
    names = ["model_index.json", "unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors"]
    with pytest.raises(WeightsError, match=r"unet only in the variant 'fp16'.*variant='fp16'"):
        select(names, {"unet": ["diffusers", "UNet"]}, "owner/name", COMMIT)


def test_the_guardrail_that_an_index_names_is_neither_fetched_nor_missed() -> None:
    index = {**INDEX, "safety_checker": ["cosmos_guardrail", "CosmosSafetyChecker"]}
    assert components(index) == components(INDEX)
    files = [*NEEDED, "safety_checker/config.json", "safety_checker/model.bin"]
    assert select(files, index, "owner/name", COMMIT) == sorted(NEEDED)


def test_a_component_that_leaves_the_folder_is_refused() -> None:
    assert components(INDEX) == ["scheduler", "tokenizer", "transformer", "vae"]
    with pytest.raises(WeightsError, match=r"names a component '\.\./evil'"):
        components({"../evil": ["diffusers", "X"]})


def test_tokens_are_blotted_out() -> None:
    assert (
        without_tokens("Bearer hf_AbCdEf123456 was refused; hf_hub is fine")
        == "Bearer hf_... was refused; hf_hub is fine"
    )
