"""Is it still a video of the prompt? Corpora in which the answer is known, and properties."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from vidmem import tables
from vidmem.mitigate.corpus import Captions, read_captions
from vidmem.mitigate.fidelity import ContentFidelity, TextFidelity, TooFewCaptions
from vidmem.tables import stream
from vidmem.text import prompt_id, stable_fraction

DIM, WORDS = 24, 8
RNG = np.random.default_rng(0)
LOOKS = RNG.normal(size=(WORDS, DIM))  # what a word looks like
TEXTS = {f"p{i}": RNG.normal(size=WORDS) for i in range(120)}  # a caption's vector


def unit(row: np.ndarray) -> np.ndarray:
    return row / np.linalg.norm(row)


def embed(texts: Sequence[str]) -> np.ndarray:
    return np.array([unit(TEXTS[t]) for t in texts])


def clip_of(prompt: str, noise: float = 0.3) -> np.ndarray:
    seed = int(prompt[1:])
    return unit(TEXTS[prompt] @ LOOKS + noise * np.random.default_rng([seed, 7]).normal(size=DIM))


def corpus(count: int = 80) -> tuple[Captions, dict[str, np.ndarray]]:
    ids = tuple(sorted(f"p{i}" for i in range(count)))
    return Captions(ids, ids, tuple(frozenset({f"clip-{i}"}) for i in ids)), {f"clip-{i}": clip_of(i) for i in ids}


def mean_score(shown: str) -> float:
    """Of videos that answer twenty prompts of the corpus and twenty that it lacks."""
    captions, vectors = corpus()
    fidelity = TextFidelity(captions, vectors, embed)
    scores = []
    for number in (*range(20), *range(90, 110)):
        prompt, other = f"p{number}", f"p{(number + 41) % 120}"
        judge = fidelity.of_prompt(prompt, prompt, frozenset({f"clip-{prompt}"}))
        noise = np.random.default_rng([number, 1]).normal(size=DIM)
        video = {"own": clip_of(prompt), "other": clip_of(other), "noise": unit(noise)}[shown]
        scores.append(judge(video))
    return float(np.mean(scores))


def test_videos_of_the_prompt_fit_it_better_than_others_do_and_noise_fits_by_chance() -> None:
    assert mean_score("own") > 0.93
    assert mean_score("other") == pytest.approx(0.5, abs=0.12)
    assert mean_score("noise") == pytest.approx(0.5, abs=0.12)


def test_a_clip_says_nothing_about_the_looks_of_its_own_caption() -> None:
    """A corpus in which words and looks have nothing in common: copies of the prompts' clips are no better than any."""
    ids = tuple(sorted(f"p{i}" for i in range(80)))
    vectors = {f"clip-{i}": unit(np.random.default_rng([int(i[1:]), 3]).normal(size=DIM)) for i in ids}
    captions = Captions(ids, ids, tuple(frozenset({f"clip-{i}"}) for i in ids))
    fidelity = TextFidelity(captions, vectors, embed)
    copies = [fidelity.of_prompt(i, i, frozenset({f"clip-{i}"}))(vectors[f"clip-{i}"]) for i in ids]
    assert np.mean(copies) == pytest.approx(0.5, abs=0.1)


def test_a_corpus_of_few_captions_teaches_nothing_and_says_so() -> None:
    with pytest.raises(TooFewCaptions, match="30 captions have a clip"):
        TextFidelity(*corpus(30), embed)


def test_another_caption_of_the_same_clip_teaches_nothing_about_it_either() -> None:
    """Captions in pairs of nearly the same words and one clip; words and looks have nothing in common."""
    near = {f"p{i}": TEXTS[f"p{i // 2}"] + 0.01 * (i % 2) for i in range(80)}
    ids = tuple(sorted(near))
    clip = {i: f"clip-{int(i[1:]) // 2}" for i in ids}
    vectors = {
        c: unit(np.random.default_rng([n, 5]).normal(size=DIM)) for n, c in enumerate(sorted(set(clip.values())))
    }
    captions = Captions(ids, ids, tuple(frozenset({clip[i]}) for i in ids))
    fidelity = TextFidelity(captions, vectors, lambda texts: np.array([unit(near[t]) for t in texts]))
    copies = [fidelity.of_prompt(i, i, frozenset({clip[i]}))(vectors[clip[i]]) for i in ids]
    assert np.mean(copies) == pytest.approx(0.5, abs=0.12)


CONTENTS = {f"{what}-{i}": what for what in ("rug", "map", "dots") for i in range(3)}
CENTRES = dict(zip(("rug", "map", "dots"), np.eye(3, 12) * 3, strict=True))
RENDERED = {
    clip: unit(CENTRES[what] + 0.3 * np.random.default_rng(i).normal(size=12))
    for i, (clip, what) in enumerate(CONTENTS.items())
}


def test_another_rendering_of_the_content_counts_and_another_content_does_not() -> None:
    fidelity = ContentFidelity(RENDERED, CONTENTS)
    own = frozenset({"rug-0"})
    assert fidelity.score(RENDERED["rug-0"], own) == 1
    assert fidelity.score(unit(CENTRES["rug"]), own) == 1
    assert fidelity.score(RENDERED["map-2"], own) == 0


def test_a_copy_is_no_evidence_of_its_own_content() -> None:
    """The only clip of a content that looks like nothing else of it: without it the content is another's."""
    odd = {**RENDERED, "rug-0": unit(CENTRES["map"] + 0.1)}
    assert ContentFidelity(odd, CONTENTS).score(odd["rug-0"], frozenset({"rug-0"})) == 0


def test_content_is_unknown_of_real_clips_mixed_prompts_and_contents_without_other_clips() -> None:
    lonely = {**CONTENTS, "sea-0": "sea"}
    fidelity = ContentFidelity({**RENDERED, "sea-0": unit(np.ones(12))}, lonely)
    for sources in ({"a-real-clip"}, {"rug-0", "map-0"}, {"sea-0"}, set()):
        assert fidelity.score(RENDERED["rug-1"], frozenset(sources)) is None
    assert ContentFidelity({}, {}).score(RENDERED["rug-1"], frozenset({"rug-0"})) is None


def test_the_captions_that_a_hash_draws_are_read_with_all_their_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against all captions sorted at once; few rows are read at a time, so that captions are let go on the way."""
    monkeypatch.setattr(stream, "GROUP_ROWS", 16)
    rows = [
        {"item_id": f"i{n}", "same_as": f"i{n % 67}", "caption": f"clip  {n % 45}", "status": "ok"} for n in range(200)
    ]
    odd = [{"caption": None}, {"caption": "  "}, {"caption": "clip 3", "status": "failed"}]
    rows += [{"item_id": f"o{n}", "same_as": f"o{n}", "status": "ok"} | row for n, row in enumerate(odd)]
    with tables.table_writer(tmp_path / "m.parquet", tables.MANIFEST) as write:
        write(rows)
    clips = {f"clip {n}": {f"i{m % 67}" for m in range(200) if m % 45 == n} for n in range(45)}
    order = sorted(clips, key=lambda text: stable_fraction("captions", prompt_id(text)))
    for most in (1, 10, 100):
        found = read_captions(tmp_path / "m.parquet", most)
        assert dict(zip(found.texts, found.clips, strict=True)) == {t: clips[t] for t in order[:most]}
        assert list(found.ids) == sorted(map(prompt_id, order[:most])) == [prompt_id(text) for text in found.texts]
