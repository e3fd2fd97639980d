"""Why a prompt is in its set, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def caption_words(row: Mapping[str, Any]) -> str:
    """What stands in the corpus beside a caption: "caption stands 4 times; 6 items show the same clip"."""
    duplicates, same = row["duplicates"], row["content_duplicates"]
    parts = ["not a caption of the corpus" if not duplicates else f"caption stands {_times(duplicates)}"]
    if duplicates > 1:
        parts.append(f"{same} of them are one file" if same > 1 else "each with another file")
    if (row["near_captions"] or 0) > duplicates:
        parts.append(f"{row['near_captions']} items bear it or nearly")
    if row["same_video"] is not None:
        more = row["same_video"] > 1
        parts.append(f"{row['same_video']} items show the same clip" if more else "no other item shows the same clip")
    if row["same_motion"]:
        several = row["same_motion"] > 1
        does = "items move the same and show" if several else "item moves the same and shows"
        parts.append(f"{row['same_motion']} {does} something else")
    return "; ".join(parts)


def control_words(origin: str, least: float) -> str:
    """Why a control is one."""
    source = "caption of a held-out clip" if origin == "heldout" else f"from vidmem's list of controls {origin}"
    return f"{source}; no caption of the corpus shares {least:.0%} of its words"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
