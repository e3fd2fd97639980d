"""A chunk's videos as one uncompressed tar, whose members are read in place; and the clips kept while it is made.

A tar keeps a job's output to one file, and stays readable by any tool. Headers are fixed, so that the same
videos give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from vidmem.tables import OK
from vidmem.userfiles import sha256_of

Place = tuple[int, int, str]  # of a member's data in the tar: offset and size in bytes, SHA-256 in hexadecimal


def write_tar(path: Path, members: Iterable[tuple[str, Path]]) -> dict[str, Place]:
    """Write (name, file) pairs to a tar at `path`, whole or not at all; gives each member's place in it.

    A tar that a killed job left unfinished is overwritten: it lies aside under one name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    places: dict[str, Place] = {}
    aside = path.with_name(f".{path.name}.part")
    try:
        with aside.open("wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for name, source in members:
                data = source.read_bytes()
                info = tarfile.TarInfo(name)  # mtime, uid and gid are 0, and there is no user name
                info.size, info.mode = len(data), 0o644
                places[name] = (tar.offset + tarfile.BLOCKSIZE, len(data), hashlib.sha256(data).hexdigest())
                tar.addfile(info, io.BytesIO(data))
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return places


def place(rows: Sequence[dict[str, Any]], tar: Path, file_of: Callable[[str], Path]) -> None:
    """Write the files of the ok rows of VIDEOS to a tar, and where they lie to the rows. `file_of` a video_id."""
    ok = [row for row in rows if row["status"] == OK]
    files = [file_of(row["video_id"]) for row in ok]
    names = [f"{number:06d}{path.suffix.lower()}" for number, path in enumerate(files)]
    places = write_tar(tar, zip(names, files, strict=True))
    for name, row in zip(names, ok, strict=True):
        row["path"], (row["offset"], row["size"], row["sha256"]) = tar.name, places[name]


class Partial:
    """Finished clips of an unfinished chunk: `<video_id>.mp4` and `<video_id>.json`, each whole.

    The json is written last: a clip counts as finished when it is there. `mark` says of what the clips are made
    beside what their id covers; clips that bear another one are as good as absent.
    """

    def __init__(self, folder: Path, mark: str = "") -> None:
        self.folder, self.mark = folder, mark
        folder.mkdir(parents=True, exist_ok=True)

    def video(self, video_id: str) -> Path:
        """Path of a finished clip's mp4."""
        return self.folder / f"{video_id}.mp4"

    def read(self, video_id: str) -> dict[str, Any] | None:
        """The record of a finished clip; None where there is none, or where it or its mp4 is damaged."""
        try:
            kept = json.loads((self.folder / f"{video_id}.json").read_bytes())
            found = sha256_of(self.video(video_id)) if kept["sha256"] else None
        except (OSError, ValueError, TypeError, KeyError):
            return None
        if kept["mark"] != self.mark or found != kept["sha256"]:
            return None
        record: dict[str, Any] = kept["record"]
        return record

    def write(self, video_id: str, data: bytes | None, record: dict[str, Any]) -> None:
        """Keep a clip (its mp4's bytes, None where it failed) and its record."""
        if data is not None:
            self._put(self.video(video_id), data)
        sha256 = None if data is None else hashlib.sha256(data).hexdigest()
        kept = {"mark": self.mark, "sha256": sha256, "record": record}
        self._put(self.folder / f"{video_id}.json", json.dumps(kept, sort_keys=True).encode())

    def _put(self, path: Path, data: bytes) -> None:
        aside = path.with_name(f".{path.name}.part")
        aside.write_bytes(data)
        aside.replace(path)

    def remove(self) -> None:
        """Delete what this class wrote, of whatever settings, and the folder if nothing else is in it."""
        for pattern in ("*.mp4", "*.json", ".*.part"):
            for path in self.folder.glob(pattern):
                path.unlink()
        if not any(self.folder.iterdir()):
            self.folder.rmdir()
