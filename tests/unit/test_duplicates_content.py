"""Content: range search against all pairs, shares of frames on both sides, and what must not be chained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmem import tables
from vidmem.duplicates import close, partners
from vidmem.duplicates.close import close_rows
from vidmem.duplicates.content import content_components, same_videos
from vidmem.duplicates.partners import Partners

SETTINGS = {"content_from": 0.7, "content_share": 0.6, "exact_limit": 50_000, "nprobe": 4}


def unit(seed: int, count: int, size: int = 32) -> np.ndarray:
    v = np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def linked(*videos: np.ndarray) -> set[tuple[int, int]]:
    starts = np.concatenate([[0], np.cumsum([len(v) for v in videos])])
    a, b = same_videos(np.concatenate(videos).astype(np.float16), starts, SETTINGS)
    return set(zip(a.tolist(), b.tolist(), strict=True))


def test_every_close_pair_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(close, "TILE", 7)
    rows = unit(0, 40, 4)
    i, j = np.nonzero(np.triu(rows.astype(float) @ rows.T.astype(float) >= 0.5, 1))
    found = [(int(a), int(b)) for left, right in close_rows(rows, 0.5, exact_limit=100, nprobe=1)
             for a, b in zip(left, right, strict=True)]  # fmt: skip
    assert sorted(found) == sorted(zip(i.tolist(), j.tolist(), strict=True))


def test_lists_find_the_copies_that_all_pairs_find(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(close, "LIST_ROWS", 50)
    base = unit(1, 600)
    copies = base + 0.5 * unit(2, 600)
    rows = np.concatenate([base, copies / np.linalg.norm(copies, axis=1, keepdims=True)]).astype(np.float16)

    def pairs(limit: int) -> set[tuple[int, int]]:
        hits = close_rows(rows, 0.8, exact_limit=limit, nprobe=4)
        return {(min(a, b), max(a, b)) for left, right in hits for a, b in zip(left.tolist(), right.tolist())}  # noqa: B905

    exact, listed = pairs(10_000), pairs(0)
    assert {(n, n + 600) for n in range(600)} <= exact
    assert listed <= exact and len(listed) >= 0.98 * len(exact)
    assert pairs(0) == listed  # the same lists again


@settings(max_examples=30)
@given(st.lists(st.integers(1, 4), min_size=2, max_size=6), st.integers(0, 1000), st.booleans())
def test_shares_are_those_of_the_matched_rows(lengths: list[int], seed: int, thin: bool) -> None:
    starts = np.concatenate([[0], np.cumsum(lengths)])
    owner = np.repeat(np.arange(len(lengths)), lengths)
    rng = np.random.default_rng(seed)
    hits = rng.integers(0, len(owner), (30, 2))
    found = Partners(starts)
    before = partners.KEPT
    try:
        partners.KEPT = 1 if thin else before  # thinned out after every part
        found._limit = partners.KEPT
        for part in np.array_split(hits, 5):
            found.see(part[:, 0], part[:, 1])
    finally:
        partners.KEPT = before
    a, b, of_a, of_b = found.pairs()
    matched = {(int(owner[i]), int(owner[j]), int(i)) for x, y in hits for i, j in ((x, y), (y, x))}
    for n in range(len(a)):
        assert of_a[n] == len([1 for m, o, _ in matched if (m, o) == (a[n], b[n])]) / lengths[a[n]]
        assert of_b[n] == len([1 for m, o, _ in matched if (m, o) == (b[n], a[n])]) / lengths[b[n]]
    assert set(zip(a.tolist(), b.tolist(), strict=True)) == {(m, o) for m, o, _ in matched if m < o}


def test_of_a_large_family_the_first_partners_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partners, "MOST", 2)
    found = Partners(np.arange(7))
    left, right = np.triu_indices(6, 1)
    found.see(left, right)
    a, b, _, _ = found.pairs()
    assert sorted(zip(a.tolist(), b.tolist(), strict=True)) == [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5),
                                                                (1, 2), (1, 3), (1, 4), (1, 5)]  # fmt: skip


def test_one_video_is_linked_with_its_copy_its_larger_part_and_nothing_else() -> None:
    video, other = unit(0, 10), unit(1, 10)
    copy = video + 0.4 * unit(2, 10)
    copy /= np.linalg.norm(copy, axis=1, keepdims=True)
    assert linked(video, other, copy, video[3:]) == {(0, 2), (0, 3), (2, 3)}
    assert linked(video, video[:5]) == set()  # half of it


def test_a_shared_intro_and_a_compilation_link_nothing() -> None:
    intro, one, other = unit(0, 4), unit(1, 8), unit(2, 8)
    assert linked(np.concatenate([intro, one]), np.concatenate([intro, other])) == set()
    assert linked(one, other, np.concatenate([one, other])) == set()


def test_images_are_items_of_one_frame() -> None:
    image, video = unit(0, 1), np.concatenate([unit(0, 1), unit(1, 5)])
    assert linked(image, image, video) == {(0, 1)}


def write_frames(path: Path, ids: list[str], vectors: np.ndarray) -> Path:
    blank = {"thumbnail": tables.THUMBNAIL_BYTES, "picture": tables.PICTURE_BYTES}
    columns = {"video_id": ids, "frame": range(len(ids)), "time_s": np.zeros(len(ids)), "vector": vectors}
    columns |= {name: [bytes(size)] * len(ids) for name, size in blank.items()}
    tables.write_table(path, columns, tables.frames_schema(vectors.shape[1]))
    return path


def test_components_go_across_tables(tmp_path: Path) -> None:
    rows = unit(0, 4)
    first = write_frames(tmp_path / "a.parquet", ["x", "x", "y", "y"], rows)
    second = write_frames(tmp_path / "b.parquet", ["z", "z"], rows[:2])
    empty = write_frames(tmp_path / "c.parquet", [], rows[:0])
    found = content_components([first, second, empty], SETTINGS)
    assert found["x"] == found["z"] != found["y"]
    assert content_components([empty], SETTINGS) == {}


def test_broken_tables_are_refused(tmp_path: Path) -> None:
    rows = unit(0, 3)
    torn = write_frames(tmp_path / "torn.parquet", ["x", "y", "x"], rows)
    with pytest.raises(ValueError, match="not together"):
        content_components([torn], SETTINGS)
    rows[1, 2] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        content_components([write_frames(tmp_path / "nan.parquet", ["x", "y", "z"], rows)], SETTINGS)
    with pytest.raises(ValueError, match="more than"):
        Partners(np.array([0, partners.MOST_ROWS + 1]))
