"""One chunk of a model's videos: prompts x seeds in, a tar of videos and two tables out.

Each finished clip is kept beside the shard while the job runs, so that a killed job loses the clip in hand and
no more. A video that fails is a row with its reason, and the others go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vidmem import text
from vidmem.generate.load import Frames, load_pipeline, sample
from vidmem.generate.recorder import Recorder, latent_frames
from vidmem.generate.shard import Partial, write_tar
from vidmem.media import encode_video
from vidmem.progress import progress
from vidmem.tables import FAILED, OK, SIGNALS, SKIPPED, VIDEOS, check_loss, write_table

# Settings that change no pixel: they say what is sampled, and where and how much at once.
NO_PIXELS = ("kind", "prompt_sets", "seeds", "device", "batch_size", "max_loss", "chunk_size", "limits")
Record = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """One video to be made."""

    video_id: str
    prompt_id: str
    text: str
    seed: int


def plan(prompts: Sequence[Mapping[str, Any]], model: str, settings: Mapping[str, Any]) -> list[Task]:
    """Every prompt with every seed, prompts in the order given."""
    pixels = {key: value for key, value in settings.items() if key not in NO_PIXELS}
    return [
        Task(text.video_id(model, p["prompt_id"], seed, pixels), p["prompt_id"], p["text"], seed)
        for p in prompts
        for seed in range(int(settings["seeds"]))
    ]


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
) -> None:
    """Generate the videos of `prompts` (dicts with prompt_id and text) with the pipeline at `source`.

    `settings` is the model's config section, with `crf` and `batch_size` of the generate section added. The
    VIDEOS rows point into the tar (path = the tar's file name, offset and size of the member's data).
    Raises `ModelError` if the model can't be loaded, and `TooManyLost` if more than `max_loss` of the videos
    failed: nothing is written then, but finished clips stay in `partial_dir`, and a rerun tries the failed ones again.
    """
    torch.set_num_threads(threads)
    tasks, partial = plan(prompts, model_name, settings), Partial(Path(partial_dir))
    missing = [task for task in tasks if _unfinished(partial, task)]
    if missing:
        pipeline = load_pipeline(
            source, settings.get("revision"), settings.get("dtype", "float32"), settings.get("device", "auto")
        )
        for _ in progress(_make(pipeline, missing, settings, partial), len(missing), f"generate {model_name}"):
            pass
    records = {task.video_id: partial.read(task.video_id) or {} for task in tasks}
    rows = [{**_keys(task), "model": model_name, **records[task.video_id]["video"]} for task in tasks]
    check_loss("generate", [r["status"] for r in rows], [r["reason"] for r in rows], max_loss)
    _place(rows, Path(out_tar), partial)
    signals = [{**_keys(task), **row} for task in tasks for row in records[task.video_id]["signals"]]
    provenance = dict(made_by or {})
    write_table(out_signals, signals, SIGNALS, provenance)
    write_table(out_videos, rows, VIDEOS, provenance)
    partial.remove()


def _keys(task: Task) -> Record:
    return {"video_id": task.video_id, "prompt_id": task.prompt_id, "seed": task.seed}


def _unfinished(partial: Partial, task: Task) -> bool:
    """No record, or a failed one: a rerun after a failure tries again."""
    record = partial.read(task.video_id)
    return record is None or record["video"]["status"] != OK


def _place(rows: list[Record], tar: Path, partial: Partial) -> None:
    """Write the finished clips to the tar, and where they lie to the rows."""
    ok = [row for row in rows if row["status"] == OK]
    names = [f"{number:06d}.mp4" for number in range(len(ok))]
    places = write_tar(tar, [(n, partial.video(row["video_id"])) for n, row in zip(names, ok, strict=True)])
    for name, row in zip(names, ok, strict=True):
        row["path"], (row["offset"], row["size"]) = tar.name, places[name]


def _make(pipeline: Any, tasks: Sequence[Task], settings: Mapping[str, Any], partial: Partial) -> Iterator[Task]:
    size = max(int(settings.get("batch_size", 1)), 1)
    for start in range(0, len(tasks), size):
        batch = tasks[start : start + size]
        for task, (data, record) in zip(batch, _batch(pipeline, batch, settings), strict=True):
            partial.write(task.video_id, data, record)
            yield task


def _batch(pipeline: Any, batch: Sequence[Task], settings: Mapping[str, Any]) -> Iterator[tuple[bytes | None, Record]]:
    """Sample a batch; where that fails, one by one, so that only the video at fault is lost."""
    try:
        videos, signals = _sample(pipeline, batch, settings)
    except torch.cuda.OutOfMemoryError:
        raise  # the next video would not fit either
    except Exception as error:  # whatever a foreign pipeline raises is this video's reason
        if len(batch) > 1:
            for task in batch:
                yield from _batch(pipeline, [task], settings)
        else:
            yield None, _failed(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
        return
    for frames, rows in zip(videos, signals, strict=True):
        yield _finish(frames, rows, settings)


def _sample(
    pipeline: Any, batch: Sequence[Task], settings: Mapping[str, Any]
) -> tuple[list[Frames], list[list[Record]]]:
    with Recorder(
        pipeline,
        videos=len(batch),
        guidance_scale=settings.get("guidance_scale"),
        latent_frames=latent_frames(pipeline, settings.get("frames")),
    ) as recorder:
        videos = sample(pipeline, [t.text for t in batch], [t.seed for t in batch], settings)
    return videos, recorder.rows


def _finish(frames: Frames, signals: list[Record], settings: Mapping[str, Any]) -> tuple[bytes | None, Record]:
    if int(frames.max()) == int(frames.min()):
        return None, _failed(f"all pixels of all frames have the value {int(frames.max())}")
    fps = float(settings.get("fps", 8.0))
    data = encode_video(frames, fps, int(settings.get("crf", 12)))
    count, height, width = frames.shape[:3]
    video = {
        "kind": "video",
        "fps": fps,
        "frames": count,
        "width": width + width % 2,  # encoding makes odd sides even
        "height": height + height % 2,
        "duration_s": count / fps,
        "status": OK,
        "reason": None,
    }
    silent = {"step": 0, "status": SKIPPED, "reason": "the pipeline never called its scheduler's step"}
    return data, {"video": video, "signals": signals or [silent]}


def _failed(reason: str) -> Record:
    return {
        "video": {"kind": "video", "status": FAILED, "reason": reason},
        "signals": [{"step": 0, "status": FAILED, "reason": "the video failed: " + reason}],
    }
