"""Audits that are harmed: killed, run twice at once, on full and on read-only disks, by clocks that are wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidmem.media import write_video


@pytest.fixture(scope="module")
def config(four_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """An audit of four clips and three videos: every job of it takes a second or two."""
    generated, rng = tmp_path_factory.mktemp("generated"), np.random.default_rng(5)
    for n in range(3):
        coarse = rng.integers(0, 255, (12, 8, 8, 3), np.uint8)
        write_video(generated / f"{n}.mp4", np.kron(coarse, np.ones((1, 8, 8, 1), np.uint8)), fps=8)
    return {
        "audit": "harmed",
        "corpus": {"folder": str(four_clips)},
        "prompts": {"evidence": ["caption"]},
        "models": {"theirs": {"kind": "videos", "folder": str(generated)}},
    }


@pytest.fixture(scope="module")
def audit(make_workflow: Callable[..., Any], config: dict[str, Any]) -> Any:
    """The audit undisturbed."""
    workflow = make_workflow(config)
    workflow.run()
    return workflow


def test_x(audit: Any) -> None:
    print(audit.folder)
    print(audit.run("--dry-run").stdout[-300:])
