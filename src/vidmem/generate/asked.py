"""What a model is asked for in one chunk: prompts, with images to start from perhaps, or seeds and classes alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vidmem.config.media import Limits
from vidmem.tables import read_table
from vidmem.userfiles import Roots

Asked = tuple[list[dict[str, Any]], dict[str, Any] | None]


def asked(
    settings: Mapping[str, Any],
    prompts: Sequence[str | Path],
    numbers: Sequence[int],
    manifest: Sequence[str | Path] = (),
    root: Roots | None = None,
) -> Asked:
    """Rows with prompt_id and text, and the first frames that they start from (None where the model takes none).

    `settings` is what the plan says of the stage, with the model's section; `prompts` the chunk's table, or none for a
    model that takes no prompts: then `numbers` are the first of its videos and the one after the last. `manifest` and
    `root` are where first frames come from. Frames are uint8 RGB (H, W, 3), or the reason why there is none, by item.
    """
    model = settings["model"]
    rows = read_table(prompts).to_dicts() if prompts else unprompted(range(*numbers), model["classes"])
    if not manifest or root is None:
        return rows, None
    from vidmem.generate.images import conditioned  # heavy, and few need it

    size = (model["width"], model["height"]) if model.get("width") and model.get("height") else None
    own, limits = model["images"] == "corpus", Limits(**settings["limits"])
    return conditioned(rows, manifest[0], root, own=own, size=size, limits=limits)


def unprompted(numbers: Iterable[int], classes: Sequence[int] = ()) -> list[dict[str, Any]]:
    """The videos of these numbers, such as range(64, 128) of a chunk, as if they were prompts with a seed each.

    They are dealt out to the classes in turn, and each class has the seeds 0, 1, 2, ...
    """
    of: list[dict[str, Any]] = [{"class_label": c} for c in classes] or [{}]
    return [{"prompt_id": None, "text": None, **of[i % len(of)], "seed": i // len(of)} for i in numbers]
