"""A model that a command of the user's runs: it is given a file of prompts and a folder, and writes videos there.

So whatever is not in diffusers can be audited with its own code, in its own environment, and what comes after finds
the files of any other model. The contract is in docs/command-models.md. Outputs are files from outside: each is
probed within the bounds before it counts, links are not followed, and what belongs to no video is left alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from vidmem.config.media import Limits
from vidmem.generate.process import Run
from vidmem.generate.shard import place
from vidmem.generate.tasks import Task, every_task
from vidmem.media import PROBES, Apart, MediaError, MediaRef, probe_apart
from vidmem.progress import progress
from vidmem.tables import FAILED, OK, SIGNALS, SKIPPED, VIDEOS, check_loss, write_table
from vidmem.userfiles import MEDIA_SUFFIXES

NO_SIGNALS = "a command gives no signals"

Row = dict[str, Any]


def plan(prompts: Sequence[Mapping[str, Any]], model: str, settings: Mapping[str, Any]) -> list[Task]:
    """The tasks of `prompts` (see `tasks.every_task`), whose ids follow the command and its version."""
    made_by = {"command": list(settings["command"]), "version": settings["version"]}
    return every_task(prompts, model, int(settings["seeds"]), made_by)


def command_chunk(
    prompts: Sequence[Mapping[str, Any]],
    model_name: str,
    settings: Mapping[str, Any],
    limits: Limits,
    out_tar: str | Path,
    out_videos: str | Path,
    out_signals: str | Path,
    partial_dir: str | Path,
    made_by: Mapping[str, Any] | None = None,
    max_loss: float = 1.0,
    images: Mapping[str, Any] | None = None,
) -> None:
    """Have the videos of `prompts` (see `plan`) made by the command of `settings`, and write the chunk's three files.

    `images` are first frames by item, uint8 RGB (H, W, 3), or the reason why there is none. Outputs that are there and
    sound are not asked for again, so a rerun goes on where a killed job ended. A video without a sound output is a row
    `failed` with the reason. Raises `CommandError` if the command can't be started, and `TooManyLost` if more than
    `max_loss` of the videos failed: nothing is written then, and sound outputs stay in `partial_dir` for a rerun.
    """
    work, wanted = Path(partial_dir).resolve(), plan(prompts, model_name, settings)
    outputs = work / "outputs"
    outputs.mkdir(parents=True, exist_ok=True)
    pictures = _write_images(work / "images", images or {})
    reasons = _no_image(wanted, images or {})
    with Apart(PROBES, limits) as apart:
        rows = {w.video_id: _examine(_output(outputs, w), apart) for w in wanted}
        missing = [w for w in wanted if rows[w.video_id]["status"] != OK and w.video_id not in reasons]
        for n, group in enumerate(_groups(missing, settings["command"])):
            for w in group:  # what is broken is asked for again
                _remove(_output(outputs, w))
            ended = _run(group, model_name, settings, work, n, pictures)
            for w in group:
                rows[w.video_id] = _examine(_output(outputs, w), apart, ended)
    rows |= {video_id: {"status": FAILED, "reason": reason} for video_id, reason in reasons.items()}
    _write(wanted, rows, model_name, outputs, Path(out_tar), Path(out_videos), Path(out_signals), made_by, max_loss)
    shutil.rmtree(work)


def _write(
    wanted: Sequence[Task],
    found: Mapping[str, Row],
    model: str,
    outputs: Path,
    tar: Path,
    videos: Path,
    signals: Path,
    made_by: Mapping[str, Any] | None,
    max_loss: float,
) -> None:
    rows = [{**w.row(), **found[w.video_id], "model": model} for w in wanted]
    check_loss("generate", [r["status"] for r in rows], [r["reason"] for r in rows], max_loss)
    files = {w.video_id: path for w in wanted if (path := _output(outputs, w))}
    place(rows, tar, files.__getitem__)
    silent = {"step": 0, "status": SKIPPED, "reason": NO_SIGNALS}
    write_table(signals, [{**w.keys(), **silent} for w in wanted], SIGNALS, made_by)
    write_table(videos, rows, VIDEOS, made_by)


# ---- what the command is given


def _groups(missing: Sequence[Task], command: Sequence[str]) -> list[list[Task]]:
    """What each start of the command is asked for: all, or with `{seed}` in its arguments each seed by itself."""
    if not any("{seed}" in part for part in command):
        return [list(missing)] if missing else []
    seeds = sorted({w.seed for w in missing})
    return [[w for w in missing if w.seed == seed] for seed in seeds]


def _write_prompts(path: Path, group: Sequence[Task], pictures: Mapping[str, Path]) -> None:
    lines = [
        {
            "video_id": w.video_id,
            "prompt_id": w.prompt_id,
            "prompt": w.text,
            "seed": w.seed,
            "class": w.class_label,
            "image": str(pictures[w.condition]) if w.condition else None,
            "output": f"{w.video_id}.mp4",
        }
        for w in group
    ]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def _write_images(folder: Path, images: Mapping[str, Any]) -> dict[str, Path]:
    """The first frames as lossless files, by item; files are numbered, for ids come from outside."""
    found = {}
    for number, (item, frame) in enumerate(sorted(images.items())):
        if not isinstance(frame, str):
            folder.mkdir(exist_ok=True)
            found[item] = folder / f"{number:06d}.png"
            Image.fromarray(frame).save(found[item])
    return found


def _no_image(wanted: Sequence[Task], images: Mapping[str, Any]) -> dict[str, str]:
    """Why videos can't be asked for: the image that they start from is not there."""
    needed = {w.video_id: images.get(w.condition, "it was not read") for w in wanted if w.condition}
    return {v: f"no image to start from: {why}" for v, why in needed.items() if isinstance(why, str)}


def _arguments(settings: Mapping[str, Any], values: Mapping[str, str]) -> list[str]:
    """The program and its arguments, placeholders filled in. A program given by its path is found from here."""
    program, *rest = settings["command"]
    for name, value in values.items():
        rest = [part.replace(f"{{{name}}}", value) for part in rest]
    return [str(Path(program).absolute()) if "/" in program else program, *rest]


def _run(
    group: Sequence[Task], model: str, settings: Mapping[str, Any], work: Path, n: int, pictures: Mapping[str, Path]
) -> str | None:
    """Start the command once and wait for its end; None, or why it ended badly."""
    prompts, outputs = work / f"prompts-{n:03d}.jsonl", work / "outputs"
    _write_prompts(prompts, group, pictures)
    values = {"prompts": str(prompts), "outputs": str(outputs), "seed": str(group[0].seed)}
    ids = {w.video_id for w in group}
    folder = Path(settings["folder"]).expanduser() if settings["folder"] else None
    run = Run(_arguments(settings, values), folder, settings["timeout_s"])
    made = run.watch(lambda: {path.stem for path in _media(outputs)} & ids)
    for _ in progress(made, len(group), f"generate {model}"):
        pass
    return run.reason


# ---- what it made


def _media(outputs: Path) -> list[Path]:
    """Files of the folder that are called like videos or images; hidden ones are those that are being written."""
    return sorted(
        path for path in outputs.iterdir() if path.suffix.lower() in MEDIA_SUFFIXES and not path.name.startswith(".")
    )


def _output(outputs: Path, w: Task) -> Path | None:
    """The output of a video, whatever its media suffix: video first."""
    for suffix in (".mp4", *sorted(MEDIA_SUFFIXES - {".mp4"})):
        path = outputs / f"{w.video_id}{suffix}"
        if path.is_symlink() or path.exists():
            return path
    return None


def _remove(path: Path | None) -> None:
    if path is not None and (path.is_symlink() or path.is_file()):
        path.unlink()


def _examine(path: Path | None, apart: Apart, ended: str | None = None) -> Row:
    """Columns of VIDEOS for an output: what it holds, or why it can't be used. `ended`: why the command ended badly."""
    if path is None:
        return {"status": FAILED, "reason": ended or "the command ended well, but wrote no output for this video"}
    if path.is_symlink() or not path.is_file():
        return {"status": FAILED, "reason": f"the output {path.name} is no plain file"}
    try:
        info = probe_apart(apart, MediaRef(path))
    except (MediaError, OSError) as error:
        return {"status": FAILED, "reason": f"the output can't be used: {error}"}
    found = {name: getattr(info, name) for name in ("kind", "fps", "frames", "width", "height", "duration_s")}
    return {**found, "status": OK, "reason": None}
