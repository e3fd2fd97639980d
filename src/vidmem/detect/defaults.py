"""Which detector is shown by default, and which one each is held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidmem.detect.heard import LABELS
from vidmem.detect.judge import Row
from vidmem.detect.registry import COMBINED, DETECTORS, PARTS, PASS_DETECTORS, PASS_PARTS

Defaults = Mapping[str, tuple[str, str]]  # by label: the detector and its use of steps
DEFAULTS: Defaults = {
    "content": ("settled", "first5"),
    "motion": ("settled_motion", "first5"),
    "either": ("settled", "first5"),
}
FALLBACK = ("content_magnitude", "first")


def defaults_of(settings: Mapping[str, Any]) -> Defaults:
    """The default detectors of the config's section."""
    return {label: (settings[label], default_steps(settings[label], settings["default_steps"])) for label in LABELS}


def default_steps(name: str, asked: str) -> str:
    """The use of steps of a detector that comes nearest to the one asked for: it, or the detector's own."""
    if name == COMBINED:
        return asked if asked in (*PARTS, *PASS_PARTS) else "first5"
    if name in PASS_DETECTORS:
        return PASS_DETECTORS[name].steps
    return asked if asked in DETECTORS[name].spans else DETECTORS[name].span


def other_of(name: str, label: str, steps: str, defaults: Defaults) -> tuple[str | None, str]:
    """The detector that one is compared with, and its use of steps: the same if it has it, else its own."""
    if name == COMBINED:
        if steps in PASS_PARTS:
            return PASS_PARTS[steps][0], steps
        other: str | None = FALLBACK[0] if steps == "first" else _heard_default(label, defaults)
    elif name in PASS_DETECTORS:
        other = PASS_DETECTORS[name].beside
        if other is None or other in PASS_DETECTORS:
            return other, PASS_DETECTORS[name].steps
    else:
        other = DETECTORS[name].beside
    if other not in DETECTORS or steps.startswith("step:") or steps in DETECTORS[other].spans:
        return other, steps
    return other, DETECTORS[other].span


def _heard_default(label: str, defaults: Defaults) -> str:
    """The default detector of a label among those that hear the sampling itself."""
    name = defaults[label][0]
    return name if name in DETECTORS else DEFAULTS[label][0]


def mark_defaults(rows: list[Row], defaults: Defaults) -> list[Row]:
    """Mark each label's default row: the configured detector, or a magnitude of the first step where that is mute."""
    for label in LABELS:
        own = FALLBACK if label != "motion" else ("motion_magnitude", "first")
        for name, span in (defaults[label], own):
            mine = [r for r in rows if (r["detector"], r["label"], r["steps"]) == (name, label, span)]
            heard = [r for r in mine if r["positives"] + r["negatives"]]
            if heard:
                max(heard, key=lambda r: int(r["seeds"]))["default"] = True
                break
    return [{"default": False, **row} for row in rows]
