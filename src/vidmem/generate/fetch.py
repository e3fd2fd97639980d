"""Weights from the hub, at a pinned commit, into the hub's own cache: shared by all audits, used offline.

A killed fetch goes on with the files that are not there whole.

Only what a pipeline loads is fetched: `model_index.json`, and of each component that it names the safetensors and the
text files. Pickle is never fetched, for reading it can run code; a repository without anything else is refused with
the line that converts it.
"""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from httpx2 import HTTPError
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from vidmem.generate.redact import without_tokens

INDEX = "model_index.json"
GUARDRAIL = "cosmos_guardrail"  # a package named in indices, whose component is never loaded from a repository
WEIGHTS, TEXTS = ".safetensors", (".json", ".txt", ".model", ".jinja")
PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
LOGIN = "log in with `hf auth login`, or set HF_TOKEN"


class WeightsError(ValueError):
    """Weights that can't be had or used; the message is one line that says what to do."""


def fetch(source: str, revision: str) -> dict[str, Any]:
    """Fetch a pipeline into the hub's cache: `source`, `revision`, and `files` with their sizes in bytes, sorted.

    `source` is a hub id and `revision` a commit. Files that are there whole are not fetched again. With
    HF_HUB_OFFLINE, or where the hub gives nothing, what the cache holds is used if it is complete.
    Raises `WeightsError`.
    """
    try:
        folder = _download(source, revision)
        sweep(folder)
    except (HTTPError, OSError) as error:
        try:
            folder = cached(source, revision)
        except WeightsError:
            if isinstance(error, HfHubHTTPError):
                raise WeightsError(explain(error, source, revision)) from None
            raise
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    kept = select(names, _read_index(folder, source), source, revision)
    files = [{"path": name, "bytes": (folder / name).stat().st_size} for name in kept]
    return {"source": source, "revision": revision, "files": files}


def sweep(snapshot: Path) -> None:
    """Delete what killed downloads left half in the cache of files that it now holds whole.

    The hub's client begins a file in hand anew under a name of its own, and never comes back for the old one. A file
    that is there whole is fetched by nobody, so nobody writes beside it.
    """
    blobs = snapshot.parents[1] / "blobs"
    for half in blobs.glob("*.incomplete"):
        if (blobs / half.name.split(".")[0]).is_file():
            with suppress(OSError):  # of another user's
                half.unlink()


def cached(source: str, revision: str) -> Path:
    """The snapshot's folder in the hub's cache, without the network. Raises `WeightsError` where it isn't whole."""
    try:
        folder = Path(snapshot_download(source, revision=revision, local_files_only=True, allow_patterns=[INDEX]))
        lacking = _lacking(folder, _read_index(folder, source))
    except (LocalEntryNotFoundError, OSError):
        lacking = "everything"
    if lacking:
        raise WeightsError(
            f"{source} at {revision} is not in the local cache ({lacking} is missing), and the hub can't be reached: "
            f"unset HF_HUB_OFFLINE where there is a network, or give a folder as `source`"
        )
    return folder


def locate(source: str, records: Sequence[str | Path]) -> str:
    """Where a pipeline is loaded from: the source itself, or the snapshot that a file holds `fetch`'s record of."""
    record = json.loads(Path(records[0]).read_text(encoding="utf-8")) if records else {}
    if record.get("revision") is None:  # a folder; what was fetched is its motion adapter
        return source
    return str(verified(record))


def verified(record: Mapping[str, Any]) -> Path:
    """The snapshot's folder for what `fetch` said of it, fetched again where a file has gone from the cache."""
    source, revision = str(record["source"]), str(record["revision"])
    try:
        folder = cached(source, revision)
        if all(_is_there(folder / f["path"], f["bytes"]) for f in record["files"]):
            return folder
    except WeightsError:
        pass
    fetch(source, revision)
    return cached(source, revision)


def _is_there(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _lacking(folder: Path, index: Mapping[str, Any]) -> str | None:
    """What of a pipeline a folder lacks. The cache shows only whole files, so it is enough that they are there."""
    for component in components(index):
        inside = folder / component
        if not inside.is_dir():
            return component
        if (inside / "config.json").is_file() and not any(inside.glob(f"*{WEIGHTS}")):
            return f"{component}/*{WEIGHTS}"
        for shards in inside.glob(f"*{WEIGHTS}.index.json"):
            named = set(json.loads(shards.read_text(encoding="utf-8"))["weight_map"].values())
            gone = sorted(name for name in named if not (inside / name).is_file())
            if gone:
                return f"{component}/{gone[0]}"
    return None


def _download(source: str, revision: str) -> Path:
    """The snapshot's folder, with all files that are needed. Raises the hub's errors, and `WeightsError`."""
    names = HfApi().list_repo_files(source, revision=revision)
    if INDEX not in names:
        raise WeightsError(f"{source} has no {INDEX}: it is no diffusers pipeline{_single_files(names)}")
    index = _parse_index(Path(hf_hub_download(source, INDEX, revision=revision)), source)
    wanted = [glob.escape(name) for name in select(names, index, source, revision)]
    return Path(snapshot_download(source, revision=revision, allow_patterns=wanted))


def _single_files(names: Sequence[str]) -> str:
    loose = [n for n in names if n.endswith((WEIGHTS, *PICKLES)) and "/" not in n]
    return f" ({loose[0]} is a single file of weights; look for a repository named ...-Diffusers)" if loose else ""


def select(names: Sequence[str], index: Mapping[str, Any], source: str, revision: str | None) -> list[str]:
    """The files of a repository that its pipeline loads: `names` are all files, `index` is model_index.json read.

    Raises `WeightsError` for a component of which there is only pickle, or only a variant such as fp16.
    """
    chosen = [INDEX]
    for component in components(index):
        inside = [name for name in names if name.startswith(f"{component}/")]
        weights = [name for name in inside if name.endswith(WEIGHTS)]
        plain = [name for name in weights if "." not in PurePosixPath(name).stem]  # no model.fp16.safetensors
        pickles = [name for name in inside if name.endswith(PICKLES)]
        if weights and not plain:
            variant = PurePosixPath(weights[0]).stem.split(".", 1)[1].split("-")[0]
            raise WeightsError(
                _refusal(source, revision, f"{component} only in the variant {variant!r}", variant=variant)
            )
        if pickles and not weights:
            name = PurePosixPath(pickles[0]).name
            raise WeightsError(_refusal(source, revision, f"{component} only as pickle ({name}), which can run code"))
        chosen += [*plain, *filter(_is_text, inside)]
    return sorted(chosen)


def _is_text(name: str) -> bool:
    """Configs, tokenizers, and the index of the plain weights' shards, but not those of pickle or of variants."""
    name = PurePosixPath(name).name
    if ".index." in name:
        return re.fullmatch(r"[^.]+\.safetensors\.index\.json", name) is not None
    return name.endswith(TEXTS)


def components(index: Mapping[str, Any]) -> list[str]:
    """Names of the folders that a model_index.json loads from, sorted. A name that leaves the folder is refused."""
    found = []
    for name, value in sorted(index.items()):
        if name.startswith("_") or not isinstance(value, list) or not value or value[0] in (None, GUARDRAIL):
            continue
        if not re.fullmatch(r"[A-Za-z0-9_]+", name):
            raise WeightsError(f"{INDEX} names a component {name!r}, which is no name of a folder")
        found.append(name)
    return found


def _read_index(folder: Path, source: str) -> dict[str, Any]:
    return _parse_index(folder / INDEX, source)


def _parse_index(path: Path, source: str) -> dict[str, Any]:
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{INDEX} of {source} can't be read: {error}") from None
    if not isinstance(index, dict):
        raise WeightsError(f"{INDEX} of {source} is no JSON object")
    return index


def _refusal(source: str, revision: str | None, what: str, variant: str | None = None) -> str:
    pin = f", revision='{revision}'" if revision else ""
    how = f", variant='{variant}'" if variant else ", use_safetensors=False"
    return (
        f"{source} has {what}; convert it once, where you trust its authors, and give FOLDER as `source`: "
        f"python -c \"from diffusers import DiffusionPipeline as P; P.from_pretrained('{source}'{pin}{how})"
        ".save_pretrained('FOLDER', safe_serialization=True)\""
    )


def explain(error: HfHubHTTPError, source: str, revision: str) -> str:
    """One line on what the hub answered, and what to do. What looks like a token in its words is blotted out."""
    if isinstance(error, GatedRepoError):
        return f"{source} is gated: accept its terms on https://huggingface.co/{source}, then {LOGIN}"
    if isinstance(error, RevisionNotFoundError):
        return f"{source} has no commit {revision}: `git ls-remote https://huggingface.co/{source}` lists what there is"
    if isinstance(error, RepositoryNotFoundError):
        return f"the hub has no {source}, or it is private: check the name; for a private one {LOGIN}"
    return f"the hub did not give {source}: {' '.join(without_tokens(str(error)).split())[:300]}"
