"""Whether a prompt is longer than what the pipeline's tokenizers keep of it."""

from __future__ import annotations

import inspect
from typing import Any

TOKENIZERS = ("tokenizer", "tokenizer_2", "tokenizer_3")
UNBOUNDED = 10**6  # tokenizers without a limit give 10^30


def is_truncated(pipeline: Any, text: str | None) -> bool | None:
    """Whether any tokenizer of the pipeline cuts `text`; None without a text, or without a tokenizer that has a limit.

    The limit is the tokenizer's `model_max_length`, or the pipeline's default `max_sequence_length` if that is less.
    """
    limits = [] if text is None else _limits(pipeline)
    if not limits:
        return None
    return any(
        len(tokenizer(text, truncation=False, verbose=False)["input_ids"]) > limit for tokenizer, limit in limits
    )


def _limits(pipeline: Any) -> list[tuple[Any, int]]:
    """The pipeline's tokenizers, and the tokens (special ones counted) that it keeps of each."""
    default, found = _sequence_length(pipeline), []
    for name in TOKENIZERS:
        tokenizer = getattr(pipeline, name, None)
        tokenizer = getattr(tokenizer, "tokenizer", tokenizer)  # a processor of text and images
        limit = getattr(tokenizer, "model_max_length", None)
        if type(tokenizer).__name__.startswith("ByT5"):  # is given only what a prompt puts between quotes
            continue
        if isinstance(limit, int):
            limit = min(limit, default)
            if limit < UNBOUNDED:
                found.append((tokenizer, limit))
    return found


def _sequence_length(pipeline: Any) -> int:
    for name in ("__call__", "encode_prompt"):
        function = getattr(type(pipeline), name, None)
        parameter = inspect.signature(function).parameters.get("max_sequence_length") if function else None
        if parameter is not None and isinstance(parameter.default, int):
            return parameter.default
    return UNBOUNDED
