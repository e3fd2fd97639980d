"""Ids of prompts and videos: hashes of what they stand for, so that they survive renaming and reordering."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from typing import Any


def normalise_text(text: str) -> str:
    """The text as prompts are compared: NFKC, white space folded, case kept (models' tokenisers see case)."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def prompt_id(text: str) -> str:
    """Hash (16 hex digits) of the normalised text."""
    return hashlib.sha256(normalise_text(text).encode()).hexdigest()[:16]


def video_id(model: str, prompt: str, seed: int, settings: Mapping[str, Any]) -> str:
    """Hash (16 hex digits) of the model, prompt_id, seed and the settings that change the pixels."""
    key = json.dumps([model, prompt, seed, dict(settings)], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def stable_fraction(*keys: object) -> float:
    """A number in [0, 1) that depends on the keys alone: draws by it don't change when other keys come or go."""
    digest = hashlib.sha256("\x1f".join(map(str, keys)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
