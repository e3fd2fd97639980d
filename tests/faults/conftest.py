"""The workflow's fixtures (`tests/workflow/conftest.py`), for audits that are harmed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_PATH = Path(__file__).parents[1] / "workflow" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("workflow_fixtures", _PATH)
assert _SPEC and _SPEC.loader
_MODULE = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = _MODULE
_SPEC.loader.exec_module(_MODULE)

make_workflow, four_clips = _MODULE.make_workflow, _MODULE.four_clips


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
