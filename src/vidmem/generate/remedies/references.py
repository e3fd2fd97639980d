"""Corpus clips as a model's own latents: what a clip that is being sampled may be a copy of.

Clips are read at the model's size, length and frame rate, cut into windows of that length that overlap by half, and
encoded by the pipeline's own VAE or codec. They lie in one safetensors file beside the shard while it is made, so that
a resumed job need not encode them again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from vidmem.config.media import Limits
from vidmem.generate.remedies.base import RemedyUnfit
from vidmem.generate.remedies.similarity import all_aligned, parts
from vidmem.media import Clip, Format, MediaError, MediaRef, read_clip, to_format
from vidmem.progress import progress
from vidmem.tables import OK, read_table
from vidmem.userfiles import Roots, media_path

Sources = Sequence[tuple[str | Path, Roots]]  # manifests (tables.MANIFEST) and the folders of their paths
WINDOWS = 8  # of one clip, at most
AT_ONCE = 64  # references that are compared at once
VERSION = 1  # of what the file holds


@dataclass(frozen=True)
class References:
    """Windows of corpus clips: latents (windows, latent frames, numbers), and each one's item and caption.

    `skipped` says of items that could not be read why.
    """

    latents: torch.Tensor
    items: tuple[str, ...]
    captions: tuple[str, ...]
    skipped: Mapping[str, str]

    def nearest(self, clean: torch.Tensor, kind: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of predicted clean clips (B, frames, numbers): the largest sigma, which window, at which shift; all (B,)."""
        if clean.shape[1:] != self.latents.shape[1:]:
            raise RemedyUnfit(
                f"the model's clips have {tuple(clean.shape[1:])} latent frames and numbers, and the references "
                f"{tuple(self.latents.shape[1:])}: this family's latents can't be made from corpus clips"
            )
        mine, found = parts(clean, kind), []
        for chunk in torch.split(self.latents, AT_ONCE):
            found.append(all_aligned(mine, parts(chunk.to(clean), kind)))
        sigma, shift = (torch.cat([pair[i] for pair in found], 1) for i in (0, 1))
        best, which = sigma.max(1)
        return best, which, shift.gather(1, which[:, None])[:, 0]


def prepare(pipeline: Any, sources: Sources, settings: Mapping[str, Any], kept: Path, mark: str = "") -> References:
    """The references of a job: read from `kept` where it holds them, else encoded and written there.

    `settings` is the model's section (frames, fps, width and height, or a planted model's `side`); all `ok` rows of the
    manifests are used, files that stand more than once only once. `mark` says which model they are encoded by. Raises
    `RemedyUnfit` where the pipeline has no encoder that is known, or no clip can be read.
    """
    fmt = format_of(pipeline, settings)
    rows = _rows(sources)
    name = _name(rows, fmt, mark)
    found = _read(kept, name)
    if found is None:
        found = _encode(encoder(pipeline), rows, fmt)
        _write(kept, name, found)
    if not found.items:
        why = next(iter(found.skipped.values()), "the manifests have no ok row")
        raise RemedyUnfit(f"no reference clip could be read: {why}")
    return found


def format_of(pipeline: Any, settings: Mapping[str, Any]) -> Format:
    """The format of the model's videos. Raises `RemedyUnfit` where the config leaves it open."""
    codec = getattr(pipeline, "codec", None)
    if codec is not None:
        side, frames = int(codec.config.side), int(codec.config.frames)
        return Format(side, side, frames, float(settings.get("fps") or 8.0))
    left = [name for name in ("width", "height", "frames") if not settings.get(name)]
    if left:
        raise RemedyUnfit(f"set `{left[0]}` of the model: corpus clips are encoded at the videos' size and length")
    width, height, frames = (int(settings[name]) for name in ("width", "height", "frames"))
    return Format(width, height, frames, float(settings.get("fps") or 8.0))


Encoder = Callable[[npt.NDArray[np.uint8]], torch.Tensor]  # (F, H, W, 3) -> (latent frames, numbers)


def encoder(pipeline: Any) -> Encoder:
    """How the pipeline's latents are made of frames, by frame as the recorder brings them. Raises `RemedyUnfit`."""
    codec, vae = getattr(pipeline, "codec", None), getattr(pipeline, "vae", None)
    if codec is not None:
        return lambda frames: codec.encode(_unit(frames, pipeline, codec)[None])[0].movedim(1, 0).flatten(1)
    if vae is None or not hasattr(vae, "encode"):
        raise RemedyUnfit(f"{type(pipeline).__name__} has neither a VAE nor a codec that encodes corpus clips")
    video = "3D" in _convolutions(vae)

    def encode(frames: npt.NDArray[np.uint8]) -> torch.Tensor:
        unit = _unit(frames, pipeline, vae)
        x = unit.movedim(1, 0)[None] if video else unit  # (1, 3, F, H, W), or frames as a batch of images
        latents = _normalised(vae.encode(x).latent_dist.mode(), vae)
        return (latents[0].movedim(1, 0) if video else latents).flatten(1)

    return encode


def _convolutions(vae: Any) -> str:
    """`2D` or `3D`, by the weights of its first convolution."""
    first = next((p for p in vae.encoder.parameters() if p.ndim in (4, 5)), None)
    return "2D" if first is None or first.ndim == 4 else "3D"


def _normalised(latents: torch.Tensor, vae: Any) -> torch.Tensor:
    """Latents as the denoiser knows them: by the VAE's means and deviations a channel, or by its factor and shift."""
    config = vae.config
    mean, std = (getattr(config, name, None) for name in ("latents_mean", "latents_std"))
    if mean is None:
        buffers = dict(vae.named_buffers())
        mean, std = buffers.get("latents_mean"), buffers.get("latents_std")
    factor = getattr(config, "scaling_factor", None) or 1.0
    if mean is not None and std is not None:
        shape = [1, -1, *[1] * (latents.ndim - 2)]
        mean, std = (torch.as_tensor(x).to(latents).view(shape) for x in (mean, std))
        return (latents - mean) / std
    return (latents - (getattr(config, "shift_factor", None) or 0.0)) * factor


def _unit(frames: npt.NDArray[np.uint8], pipeline: Any, module: Any) -> torch.Tensor:
    """uint8 (F, H, W, 3) to (F, 3, H, W) in [-1, 1], in the module's number type.

    They lie where the pipeline computes: an offloaded module itself waits elsewhere until it is called.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(frames)).movedim(-1, -3).float() / 127.5 - 1
    return tensor.to(getattr(pipeline, "_execution_device", module.device), module.dtype)


def _rows(sources: Sources) -> list[dict[str, Any]]:
    """The ok rows of all manifests, one a distinct file, each with its `root`."""
    found: dict[str, dict[str, Any]] = {}
    for manifest, root in sources:
        for row in read_table(manifest).to_dicts():
            if row["status"] == OK:
                found.setdefault(row["same_as"] or row["item_id"], {**row, "root": root})
    return [found[key] for key in sorted(found)]


def _name(rows: Sequence[Mapping[str, Any]], fmt: Format, mark: str) -> str:
    """Of what the references are made."""
    files = [[row["item_id"], row["sha256"], row["caption"]] for row in rows]
    made = [VERSION, mark, WINDOWS, fmt.width, fmt.height, fmt.frames, fmt.fps, files]
    return hashlib.sha256(json.dumps(made).encode()).hexdigest()[:16]


@torch.no_grad()
def _encode(encode: Encoder, rows: Sequence[Mapping[str, Any]], fmt: Format) -> References:
    latents: list[torch.Tensor] = []
    items: list[str] = []
    captions: list[str] = []
    skipped: dict[str, str] = {}
    for row in progress(rows, len(rows), "encode references"):
        try:
            windows = list(_windows(row, fmt))
        except (MediaError, ValueError) as error:
            skipped[row["item_id"]] = str(error)
            continue
        latents += [encode(window).float().cpu().half() for window in windows]
        items += [row["item_id"]] * len(windows)
        captions += [row["caption"] or ""] * len(windows)
    stacked = torch.stack(latents) if latents else torch.zeros(0, 0, 0, dtype=torch.float16)
    return References(stacked, tuple(items), tuple(captions), skipped)


def _windows(row: Mapping[str, Any], fmt: Format) -> Iterator[npt.NDArray[np.uint8]]:
    """A clip's windows in the model's format, each half a window after the one before; an image is a still clip."""
    ref = MediaRef(media_path(row["root"], row["corpus"], row["path"]), row["offset"], row["size"])
    step = max(fmt.frames // 2, 1)
    clip = read_clip(ref, rate_hz=fmt.fps, max_frames=fmt.frames + (WINDOWS - 1) * step, limits=Limits())
    for start in range(0, max(len(clip.frames) - fmt.frames, 0) + 1, step):
        times = clip.times_s[start:] - clip.times_s[start]
        yield to_format(Clip(clip.frames[start:], times, clip.info), fmt).frames


def _write(path: Path, name: str, found: References) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = {"items": found.items, "captions": found.captions, "skipped": dict(found.skipped)}
    aside = path.with_name(f".{path.name}.part")
    save_file({"latents": found.latents}, aside, {"name": name, "table": json.dumps(table, sort_keys=True)})
    aside.replace(path)


def _read(path: Path, name: str) -> References | None:
    """What `path` holds; None where there is no such file, or it is of other clips, or damaged."""
    try:
        with safe_open(path, "pt") as file:
            said = file.metadata() or {}
            if said.get("name") != name:
                return None
            table, latents = json.loads(said["table"]), file.get_tensor("latents")
    except (OSError, ValueError, KeyError, SafetensorError):
        return None
    return References(latents, tuple(table["items"]), tuple(table["captions"]), table["skipped"])
