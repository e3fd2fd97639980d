"""Is it still a video of the prompt? Two measures that need no model from outside (both are ours).

No text–image encoder can be had without a download, so the corpus itself tells what words look like. Neither measure
rewards a copy for being one: the prompt's own clips are left out of what each has learnt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vidmem.mitigate.corpus import Captions
from vidmem.text import stable_fraction

Vectors = npt.NDArray[np.float64]
FOLDS = 10
RIDGE = 0.002  # penalty, as a share of the captions' total variance
LEAST_CAPTIONS = 40  # with fewer the corpus does not tell what words look like
MOST_OTHERS = 200  # captions that a prompt's own has to fit better than
Embed = Callable[[Sequence[str]], npt.NDArray[np.floating]]


class TooFewCaptions(ValueError):
    """The corpus has too few captions to learn from."""


class ContentFidelity:
    """Whether a video shows the content of its caption, where contents are known: the made corpus.

    A video counts as of the content whose centroid its mean vector is nearest to (cosine, after the mean of all clips
    is subtracted). Centroids are of corpus clips of that content, without the prompt's own ones: other renderings.
    """

    def __init__(self, vectors: Mapping[str, Vectors], contents: Mapping[str, str]) -> None:
        self._clips = sorted(clip for clip in contents if clip in vectors)
        self._of = np.array([contents[clip] for clip in self._clips], object)
        self._vectors = np.array([vectors[clip] for clip in self._clips])
        self._contents = contents
        self._centre = self._vectors.mean(0) if self._clips else np.zeros(0)
        self._known: dict[frozenset[str], tuple[list[str], Vectors]] = {}

    def content_of(self, sources: frozenset[str]) -> str | None:
        """The content that all of a prompt's clips show; None where that isn't one, or no other clip shows it."""
        shown = {self._contents.get(clip) for clip in sources}
        content = next(iter(shown)) if len(shown) == 1 else None
        return content if content is not None and content in self._centroids(sources)[0] else None

    def score(self, video: Vectors, sources: frozenset[str]) -> float | None:
        """1 if the video's content is that of the prompt whose clips are `sources`, else 0; None: it isn't known."""
        content = self.content_of(sources)
        if content is None:
            return None
        names, centroids = self._centroids(sources)
        return float(names[int(np.argmax(centroids @ (video - self._centre)))] == content)

    def _centroids(self, sources: frozenset[str]) -> tuple[list[str], Vectors]:
        if sources not in self._known:
            others = np.array([clip not in sources for clip in self._clips], bool)
            names = sorted(set(self._of[others]))
            rows = [_unit(self._vectors[others & (self._of == name)].mean(0) - self._centre) for name in names]
            self._known[sources] = names, np.array(rows)
        return self._known[sources]


@dataclass(frozen=True)
class _Fit:
    """A linear map from captions' vectors to clips' vectors."""

    text_centre: Vectors
    clip_centre: Vectors
    weights: Vectors

    def looks(self, texts: Vectors) -> Vectors:
        """What clips of these captions look like: (n, dim), each of length 1."""
        return _unit((texts - self.text_centre) @ self.weights)


class TextFidelity:
    """How well a video fits its prompt among other captions: 1 better than all, .5 by chance.

    A ridge regression from the sentence vectors of the corpus' captions to the mean vectors of their clips says what
    clips of a caption look like. It is cross-fitted: captions are dealt to ten folds by a hash, and what a caption
    looks like comes from a fit without its fold and without any clip that stands in it. The score is the share of
    other captions of the corpus, at most `MOST_OTHERS` drawn ones that share no clip with the prompt, whose looks the
    video is less like (cosine, after the clips' mean is subtracted). Raises `TooFewCaptions`.
    """

    def __init__(self, captions: Captions, vectors: Mapping[str, Vectors], embed: Embed) -> None:
        kept = [i for i, clips in enumerate(captions.clips) if any(clip in vectors for clip in clips)]
        if len(kept) < LEAST_CAPTIONS:
            raise TooFewCaptions(
                f"{len(kept)} captions have a clip that can be compared, and {LEAST_CAPTIONS} are needed to learn what "
                "captions look like"
            )
        self._ids = [captions.ids[i] for i in kept]
        self._clips = [captions.clips[i] for i in kept]
        self._texts = np.asarray(embed([captions.texts[i] for i in kept]), np.float64)
        seen = [np.mean([vectors[c] for c in sorted(clips) if c in vectors], 0) for clips in self._clips]
        self._seen = np.array(seen)
        self._centre = self._seen.mean(0)
        self._embed = embed
        self._folds = np.array([int(stable_fraction("fold", key) * FOLDS) for key in self._ids])
        self._fits: dict[int | None, _Fit] = {}
        self._looks = self._out_of_fold()
        drawn = sorted(range(len(self._ids)), key=lambda i: stable_fraction("others", self._ids[i]))
        self._others = drawn[: MOST_OTHERS + 1]

    def of_prompt(self, prompt: str, text: str, sources: frozenset[str]) -> Callable[[Vectors], float]:
        """The score of a video (mean vector, (dim,)) as an answer to this prompt, whose own clips are `sources`."""
        at = self._ids.index(prompt) if prompt in self._ids else None
        looks = self._of_text(text) if at is None else self._looks[at]
        others = [i for i in self._others if i != at and not self._clips[i] & sources][:MOST_OTHERS]

        def score(video: Vectors) -> float:
            seen = video - self._centre
            own, rest = looks @ seen, self._looks[others] @ seen
            return float(np.mean((own > rest) + 0.5 * (own == rest)))

        return score

    def _of_text(self, text: str) -> Vectors:
        looks: Vectors = self._fit(None).looks(np.asarray(self._embed([text]), np.float64))[0]
        return looks

    def _out_of_fold(self) -> Vectors:
        looks = np.zeros_like(self._seen)
        for fold in range(FOLDS):
            members = self._folds == fold
            if members.any():
                looks[members] = self._fit(fold).looks(self._texts[members])
        return looks

    def _fit(self, fold: int | None) -> _Fit:
        """Fitted without a fold and the clips in it; of all captions for None."""
        if fold not in self._fits:
            held = {clip for i, n in enumerate(self._folds) if n == fold for clip in self._clips[i]}
            rows = [i for i, clips in enumerate(self._clips) if not clips & held]
            if len(rows) < LEAST_CAPTIONS // 2:
                raise TooFewCaptions("too many captions share their clips: without a tenth of them few are left")
            self._fits[fold] = _ridge(self._texts[rows], self._seen[rows])
        return self._fits[fold]


def _ridge(texts: Vectors, seen: Vectors) -> _Fit:
    """W = (T'T + λI)⁻¹ T'S of centred texts T and clips S, λ = `RIDGE` tr(T'T)."""
    text_centre, clip_centre = texts.mean(0), seen.mean(0)
    t, s = texts - text_centre, seen - clip_centre
    gram = t.T @ t
    penalty = RIDGE * float(np.trace(gram))
    return _Fit(text_centre, clip_centre, np.linalg.solve(gram + penalty * np.eye(len(gram)), t.T @ s))


def _unit(rows: Vectors) -> Vectors:
    scaled: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)
    return scaled
