"""NVIDIA's guardrail, which Cosmos' pipelines can't be called without: their own, or left out where that is asked for.

It refuses prompts and blurs faces, so that videos don't show what the model made. Its code is a package of its own,
`cosmos_guardrail`, which diffusers imports by itself; an entry for it in a model's index is never followed. NVIDIA's
Open Model License ends for who leaves it out without a similar guardrail that fits the use: the choice is the user's,
and `guardrail: false` says it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vidmem.generate.fetch import GUARDRAIL, INDEX

COMPONENT = "safety_checker"
HINT = (
    "or, where NVIDIA's licence lets you leave its guardrail out (you have a similar one that fits your use), set "
    "`guardrail: false`"
)


class NoGuardrail:
    """Stands where the pipelines want their guardrail, and lets everything pass."""

    def to(self, device: Any) -> NoGuardrail:
        """Nothing is on any device."""
        return self

    def check_text_safety(self, prompt: str) -> bool:
        """Every prompt is sampled."""
        return True

    def check_video_safety(self, frames: Any) -> Any:
        """Frames as the model made them, uint8 (N, H, W, 3)."""
        return frames


@contextmanager
def unnamed(folder: Path, index: Mapping[str, Any]) -> Iterator[Path]:
    """A pipeline's folder, whose index (`index`) doesn't name the guardrail: itself, or links to what is in it."""
    if (index.get(COMPONENT) or [None])[0] != GUARDRAIL:
        yield folder
        return
    with TemporaryDirectory() as name:
        links = Path(name)
        for path in folder.resolve().iterdir():
            if path.name not in (INDEX, COMPONENT):
                (links / path.name).symlink_to(path)
        kept = {key: value for key, value in index.items() if key != COMPONENT}
        (links / INDEX).write_text(json.dumps(kept), encoding="utf-8")
        yield links
