"""A folder of videos that were generated already, listed as if `generate` had made them: how closed models are audited.

Nothing is copied: rows point into the folder. There are no signals, since nobody heard the denoiser.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from vidmem import text
from vidmem.config.media import Limits
from vidmem.media import PROBES, Apart, MediaError, MediaRef, hash_of, probe_apart
from vidmem.progress import progress
from vidmem.tables import OK, SIGNALS, SKIPPED, VIDEOS, check_loss, write_table
from vidmem.userfiles import TEXT_COLUMNS, find_media, read_user_table, safe_join

PATH_COLUMNS = ("path", "file", "filename", "video")
Row = dict[str, Any]


def list_videos(
    folder: str | Path,
    prompts: str | Path | None,
    limits: Limits,
    model_name: str,
    chunk: int = 0,
    chunks: int = 1,
) -> list[Row]:
    """VIDEOS rows of the `chunk`-th of `chunks` parts of the media files under `folder`, sorted by path.

    `prompts` is a table with `path` and `prompt` (and `seed`) columns; a row is matched by its path relative to
    the folder, or by its file name where that is unique in the table. A file without a row has a null prompt_id.
    Files that can't be read are rows `skipped` with the reason, and so are files that the table names and the
    folder lacks (in the first chunk). Raises `ValueError` for a missing folder or a bad table.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"folder of videos {folder} doesn't exist")
    known = _read_prompts(Path(prompts)) if prompts else {}
    paths = find_media(folder)
    size = math.ceil(len(paths) / chunks)
    mine = paths[chunk * size : (chunk + 1) * size]
    seen = progress(mine, len(mine), f"read {model_name}")
    with Apart(PROBES, limits) as apart:
        rows = [_row(folder, path, known, apart, model_name) for path in seen]
    if chunk == 0:
        rows += _absent(paths, known, model_name)
    return sorted(rows, key=lambda row: str(row["path"]))


def write_chunk(
    folder: str | Path,
    prompts: str | Path | None,
    limits: Limits,
    model_name: str,
    chunk: int,
    chunks: int,
    out_videos: str | Path,
    out_signals: str | Path,
    made_by: Mapping[str, Any] | None = None,
    max_loss: float = 1.0,
) -> None:
    """Write the VIDEOS table of a chunk (see `list_videos`) and an empty SIGNALS table."""
    rows = list_videos(folder, prompts, limits, model_name, chunk, chunks)
    check_loss("generate", [r["status"] for r in rows], [r["reason"] for r in rows], max_loss)
    write_table(out_signals, [], SIGNALS, made_by)
    write_table(out_videos, rows, VIDEOS, made_by)


def _read_prompts(path: Path) -> dict[str, Row]:
    """Rows of the prompt table by path, and by file name where that is unique."""
    table = read_user_table(path)
    columns = set(table[0]) if table else set()
    where = next((c for c in PATH_COLUMNS if c in columns), None)
    what = next((c for c in TEXT_COLUMNS if c in columns), None)
    if table and (where is None or what is None):
        raise ValueError(f"{path}: needs the columns 'path' and 'prompt', has {', '.join(sorted(columns))}")
    rows: dict[str, Row] = {}
    names: dict[str, list[Row]] = {}
    for number, line in enumerate(table, 2):
        name, prompt = line[str(where)], line[str(what)]
        if not name:
            continue
        key = PurePosixPath(name).as_posix()
        if key in rows:
            raise ValueError(f"{path}: {name} stands more than once (again in row {number})")
        rows[key] = {"key": key, "prompt": prompt or None, "seed": _seed(line.get("seed"), path, number)}
        names.setdefault(PurePosixPath(name).name, []).append(rows[key])
    unique = {name: found[0] for name, found in names.items() if len(found) == 1}
    return {**unique, **rows}


def _seed(value: str | None, path: Path, number: int) -> int:
    try:
        return int(float(value)) if value not in (None, "") else 0
    except (ValueError, OverflowError):
        raise ValueError(f"{path}: row {number}: seed {value!r} is not a number") from None


def _row(folder: Path, path: str, known: Mapping[str, Row], apart: Apart, model: str) -> Row:
    given = known.get(path) or known.get(PurePosixPath(path).name) or {}
    row = _keys(path, given, model)
    try:
        ref = MediaRef(safe_join(folder, path))
        info, sha256 = probe_apart(apart, ref), hash_of(ref, apart.limits)
    except (MediaError, ValueError, OSError) as error:
        return {**row, "status": SKIPPED, "reason": str(error)}
    found = {name: getattr(info, name) for name in ("kind", "fps", "frames", "width", "height", "duration_s")}
    return {**row, **found, "sha256": sha256, "status": OK, "reason": None}


def _keys(path: str, given: Mapping[str, Any], model: str) -> Row:
    prompt, seed = given.get("prompt"), int(given.get("seed", 0))
    prompt_id = text.prompt_id(prompt) if prompt else None
    return {
        "video_id": text.video_id(model, prompt_id or path, seed, {"path": path}),
        "prompt_id": prompt_id,
        "seed": seed,
        "model": model,
        "path": path,
    }


def _absent(paths: Sequence[str], known: Mapping[str, Row], model: str) -> list[Row]:
    """Rows for files that the prompt table names and the folder lacks."""
    have = set(paths) | {PurePosixPath(p).name for p in paths}
    rows = {row["key"]: row for row in known.values()}
    reason = "the prompt table names it, but the folder has no such file"
    return [
        {**_keys(key, row, model), "status": SKIPPED, "reason": reason}
        for key, row in sorted(rows.items())
        if key not in have and PurePosixPath(key).name not in have
    ]
