"""Disks that are full, or not to be written to."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def mounted() -> Iterator[Callable[..., None]]:
    """A function that mounts at a folder: a disk of so many kilobytes, or the folder itself, not to be written to.

    It can be asked again for another size. The test is skipped where mounting isn't allowed.
    """
    there: list[Path] = []

    def mount(folder: Path, *, kilobytes: int | None = None) -> None:
        calls = [["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]]
        if kilobytes and folder in there:
            calls = [["mount", "-o", f"remount,size={kilobytes}k", str(folder)]]
        elif not kilobytes:
            bound = ["mount", "-o", "remount,ro,bind", str(folder)]
            calls = [["mount", "--bind", str(folder), str(folder)], bound]
        for call in calls:
            try:
                subprocess.run(call, check=True, capture_output=True, text=True)
            except (OSError, subprocess.CalledProcessError) as error:
                pytest.skip(f"mounting isn't allowed here: {getattr(error, 'stderr', None) or error}")
            if folder not in there:
                there.append(folder)

    yield mount
    for folder in reversed(there):
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
