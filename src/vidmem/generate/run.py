"""One chunk of a model's videos: prompts x seeds in, a tar of videos and two tables out.

Each finished clip is kept beside the shard while the job runs, so that a killed job loses the clip in hand and
no more. A video that fails is a row with its reason, and the others go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from vidmem.config import STAGE_VERSIONS
from vidmem.generate.batch import Sampler
from vidmem.generate.clip import FIRST_STEP_ONLY, Made, is_finished
from vidmem.generate.families import family_of
from vidmem.generate.load import Frames, load_pipeline
from vidmem.generate.remedies.apply import ready
from vidmem.generate.remedies.references import Sources
from vidmem.generate.shard import Partial, place
from vidmem.generate.tasks import Task, every_task
from vidmem.progress import progress
from vidmem.tables import OK, SIGNALS, VIDEOS, check_loss, write_table
from vidmem.userfiles import sha256_of

# Settings that change no pixel: they say what is sampled, and where and how much at once.
NO_PIXELS = (
    "kind", "prompt_sets", "seeds", "videos", "classes", "signals", "device", "offload", "batch_size", "max_loss",
    "chunk_size", "limits", "family", "images",
)  # fmt: skip
LOADING = (
    "revision", "dtype", "device", "family", "scheduler", "offload", "vae_tiling", "vae_slicing", "motion_adapter",
    "motion_adapter_revision", "guardrail",
)  # fmt: skip


def plan(
    prompts: Sequence[Mapping[str, Any]],
    model: str,
    settings: Mapping[str, Any],
    images: Mapping[str, Frames | str] | None = None,
) -> list[Task]:
    """The tasks of `prompts` (see `tasks.every_task`), whose ids follow what changes pixels in `settings`."""
    pixels = {key: value for key, value in settings.items() if key not in NO_PIXELS}
    if not pixels.get("remedy"):  # none is none, whether or not it is said
        pixels.pop("remedy", None)
    return every_task(prompts, model, int(settings["seeds"]), pixels, images)


def generate_chunk(
    prompts: Sequence[Mapping[str, Any]],
    model_name: str,
    settings: Mapping[str, Any],
    source: str | Path,
    out_tar: str | Path,
    out_videos: str | Path,
    out_signals: str | Path,
    partial_dir: str | Path,
    threads: int = 2,
    made_by: Mapping[str, Any] | None = None,
    max_loss: float = 1.0,
    images: Mapping[str, Frames | str] | None = None,
    references: Sources = (),
) -> None:
    """Generate the videos of `prompts` (see `plan`) with the pipeline at `source`.

    `settings` is the model's config section, with `crf`, `batch_size` and `signals` of the generate section added, and
    perhaps `remedy`, a dumped model of `config.remedies`; `references` are the manifests that `amg` and
    `neighbour` steer away from, each with the folder that its paths are relative to. A remedy that the model can't take
    raises `RemedyUnfit` before any video is sampled.
    The VIDEOS rows point into the tar (path = the tar's file name, offset and size of the member's data).
    With `signals` first-step-only sampling stops after one step: there are signals, and no videos.
    Raises `ModelError` if the model can't be loaded, and `TooManyLost` if more than `max_loss` of the videos
    failed: nothing is written then, but finished clips stay in `partial_dir`, and a rerun tries the failed ones again.
    Clips of other settings in `partial_dir` are left alone, and go with it when the chunk is done; clips of another
    version of this stage or of a model folder that was written anew are made again.
    """
    torch.set_num_threads(threads)
    tasks = plan(prompts, model_name, settings, images)
    partial = Partial(Path(partial_dir), _mark(source, settings.get("motion_adapter"), references))
    latents = partial.folder.with_name(f".{partial.folder.name}.references.safetensors")
    _fill(partial, tasks, model_name, settings, source, references, latents)
    records = {task.video_id: partial.read(task.video_id) or {} for task in tasks}
    rows = [{**task.row(), "model": model_name, **records[task.video_id]["video"]} for task in tasks]
    statuses = [OK if row["reason"] == FIRST_STEP_ONLY else row["status"] for row in rows]  # that one was asked for
    check_loss("generate", statuses, [row["reason"] for row in rows], max_loss)
    place(rows, Path(out_tar), partial.video)
    signals = [{**task.keys(), **row} for task in tasks for row in records[task.video_id]["signals"]]
    provenance = dict(made_by or {})
    write_table(out_signals, signals, SIGNALS, provenance)
    write_table(out_videos, rows, VIDEOS, provenance)
    partial.remove()
    latents.unlink(missing_ok=True)


def _mark(source: str | Path, adapter: str | None, references: Sources = ()) -> str:
    """Of what, besides the settings in its id, a kept clip was made.

    This stage's version, the model's files, and the references of a remedy.
    """
    digest = hashlib.sha256(str(STAGE_VERSIONS["generate"]).encode())
    for manifest, _ in references:
        digest.update(bytes.fromhex(sha256_of(manifest)))
    for folder in (Path(source), *([Path(adapter).expanduser()] if adapter else [])):
        for path in sorted(folder.rglob("[!.]*")) if folder.is_dir() else []:  # hidden files are the workflow's own
            if path.is_file():
                found, name = path.stat(), path.relative_to(folder).as_posix()
                digest.update(f"{name}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _fill(
    partial: Partial,
    tasks: Sequence[Task],
    model: str,
    settings: Mapping[str, Any],
    source: str | Path,
    references: Sources,
    latents: Path,
) -> None:
    """Make the clips that are missing, and keep each as it is finished."""
    first_step_only = settings.get("signals") == "first-step-only"
    kept = {task.video_id: partial.read(task.video_id) for task in tasks}
    missing = {key for key, record in kept.items() if record is None or not is_finished(record, first_step_only)}
    if not missing:
        return
    pipeline = load_pipeline(source, **{name: settings[name] for name in LOADING if name in settings})
    family = family_of(type(pipeline).__name__)
    most = (family.at_once if family else None) or len(tasks)
    size = min(max(int(settings.get("batch_size", 1)), 1), most)
    remedy = ready(pipeline, settings, tasks[0], references, latents, partial.mark)
    made = _make(Sampler(pipeline, settings, remedy), tasks, missing, size)
    for task, (data, record) in progress(made, len(missing), f"generate {model}"):
        partial.write(task.video_id, data, record)


def _make(sampler: Sampler, tasks: Sequence[Task], missing: set[str], size: int) -> Iterator[tuple[Task, Made]]:
    """What is missing of the tasks, sampled in the batches of an uninterrupted run: other batches round otherwise."""
    for start in range(0, len(tasks), size):
        batch = tasks[start : start + size]
        if any(task.video_id in missing for task in batch):
            yield from (pair for pair in sampler.make(batch) if pair[0].video_id in missing)
