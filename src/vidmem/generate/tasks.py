"""The videos that a model is asked for in one chunk, whoever makes them: a pipeline, or a command of the user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmem import text

Image = npt.NDArray[np.uint8] | str  # first frame, RGB (H, W, 3), or why there is none


@dataclass(frozen=True)
class Task:
    """One video to be made: from a prompt, from an image, of a class, or from nothing but its seed."""

    video_id: str
    prompt_id: str | None
    text: str | None
    seed: int
    condition: str | None = None  # item whose first frame it starts from
    class_label: int | None = None
    image: Image | None = field(default=None, compare=False, repr=False)

    def keys(self) -> dict[str, Any]:
        """What tells its rows from others', in VIDEOS and SIGNALS."""
        return {"video_id": self.video_id, "prompt_id": self.prompt_id, "seed": self.seed}

    def row(self) -> dict[str, Any]:
        """What VIDEOS says of how it was asked for."""
        return {**self.keys(), "condition": self.condition, "class_label": self.class_label}


def every_task(
    prompts: Sequence[Mapping[str, Any]],
    model: str,
    seeds: int,
    made_by: Mapping[str, Any],
    images: Mapping[str, Image] | None = None,
) -> list[Task]:
    """Every prompt with the seeds 0 to `seeds` - 1, prompts in the order given.

    A prompt is a dict with prompt_id and text (both None for a model that takes no text), and if it has them
    `condition` (item id of an image to start from, a key of `images`), `class_label`, and `seed`, which stands for
    all seeds. For models without prompts `asked.unprompted` makes them. `made_by` is what else a video's id follows.
    """
    return [
        _task(prompt, seed, model, made_by, images or {})
        for prompt in prompts
        for seed in ([prompt["seed"]] if "seed" in prompt else range(seeds))
    ]


def _task(
    prompt: Mapping[str, Any], seed: int, model: str, made_by: Mapping[str, Any], images: Mapping[str, Image]
) -> Task:
    prompt_id, condition, label = prompt["prompt_id"], prompt.get("condition"), prompt.get("class_label")
    asked = {key: value for key, value in (("condition", condition), ("class_label", label)) if value is not None}
    image = None if condition is None else images.get(condition, "it was not read")
    video = text.video_id(model, prompt_id or "", seed, {**made_by, **asked})
    return Task(video, prompt_id, prompt["text"], seed, condition, label, image)
