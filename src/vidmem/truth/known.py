"""What is true of each generated video, for models whose memorisation is known because it was planted.

`None` means that the truth is not decided by construction, so the video is not judged:

- planted: clips that stand at least `positive_from` times are memorised, clips that stand once are not; in between
  nobody knows. Prompts that the model never saw (controls) are not decided: such a model may answer them with a clip
  that it memorised, which is a true copy. Nor are those of a model that was trained on some of the clips, each once:
  it answers any prompt with what it knows.
- oracle on the corpus can only reproduce; on unrelated clips it can reproduce nothing of the corpus; on new contents
  over known trajectories it reproduces motion and no content. Widened (`bandwidth` > 0) it is in between: undecided.
- motion is decided for rendered clips only: an object's trajectory is evidence, a camera's pan or a still scene is
  not. Whether a real clip's motion is anyone's is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Decided = dict[str, bool | None]


def planted_truth(settings: Row, prompt: Row | None, natural: Mapping[str, bool | None], positive_from: int) -> Decided:
    """Truth of a video of a planted model, by its config section and its prompt (`tables.PROMPTS` row)."""
    if settings.get("clips") is not None or prompt is None or not prompt["source_ids"]:
        return {"content_truth": None, "motion_truth": None}
    copies = int(prompt["duplicates"])
    content = True if copies >= positive_from else False if copies == 1 else None
    own = [natural.get(item) for item in prompt["source_ids"]]
    motion = content if content is not None and own == [False] else False if own == [True] else None
    return {"content_truth": content, "motion_truth": motion}


def oracle_truth(settings: Row, prompt: Row | None, natural: Mapping[str, bool | None]) -> Decided:
    """Truth of a video of an oracle, by its support."""
    if float(settings["bandwidth"]) > 0:
        return {"content_truth": None, "motion_truth": None}
    if settings["support"] == "unrelated":
        return {"content_truth": False, "motion_truth": False}
    if settings["support"] == "motion":
        return {"content_truth": False, "motion_truth": True}
    own: Sequence[bool | None] = [natural.get(item) for item in prompt["source_ids"]] if prompt else []
    if not own:
        return {"content_truth": None, "motion_truth": None}
    return {"content_truth": True, "motion_truth": (not own[0]) if len(own) == 1 and own[0] is not None else None}


def replay_truth(entry: Row | None) -> Decided:
    """Truth of a replayed file, by its row of the truth table that was written when it was made."""
    if entry is None:
        return {"content_truth": None, "motion_truth": None}
    return {key: parse_flag(entry.get(key)) for key in ("content_truth", "motion_truth")}


def parse_flag(text: str | None) -> bool | None:
    """`true`, `false` or nothing, as the made tables write them."""
    value = (text or "").strip().lower()
    if value in ("true", "1"):
        return True
    if value in ("false", "0"):
        return False
    if value == "":
        return None
    raise ValueError(f"expected true, false or nothing, not {text!r}")
