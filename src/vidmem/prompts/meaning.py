"""Which texts say nearly what a caption of the corpus says, in other words: by sentence vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vidmem.progress import progress

BLOCK = 256  # texts embedded between two lines of progress


class Meanings:
    """Sentence vectors of some captions, made once they are asked about."""

    def __init__(self, captions: Sequence[str]) -> None:
        self._captions = captions
        self._vectors: npt.NDArray[np.float32] | None = None

    def nearest(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Of each text the largest cosine with a caption, (texts,); 0 where there is no caption."""
        if not self._captions or not texts:
            return np.zeros(len(texts), np.float32)
        if self._vectors is None:
            self._vectors = _embed(self._captions, "sentence vectors of captions")
        return np.asarray((_embed(texts, "sentence vectors of controls") @ self._vectors.T).max(1))


def _embed(texts: Sequence[str], what: str) -> npt.NDArray[np.float32]:
    from vidmem.sentences import embed_texts  # loads torch and transformers, which nothing else here needs

    starts = range(0, len(texts), BLOCK)
    blocks = [embed_texts(texts[start : start + BLOCK]).numpy() for start in progress(starts, len(starts), what)]
    return np.concatenate(blocks)
