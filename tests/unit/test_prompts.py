"""Prompt curation from manifests: ranked by duplication, stable, and never a caption twice."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from promptworld import beside, item, run, sets_of

from vidmem import tables
from vidmem.config.prompts import Prompts
from vidmem.prompts import write_prompts
from vidmem.prompts.items import id_of, key_of
from vidmem.text import normalise_text, prompt_id, stable_fraction

CAPTIONS = Prompts(evidence=["caption"], control_list=None)
CONTENT = CAPTIONS.model_copy(update={"evidence": ["caption", "content"]})
MOTION = CAPTIONS.model_copy(update={"evidence": ["caption", "content", "motion"], "motion_duplicated": 9})
CORPUS = [
    item(0, "a cat"),
    item(1, "a cat", same_as=0),
    item(2, "a  cat "),
    item(3, "a dog"),
    item(4, "a dog", same_as=3),
    item(5, "a bird"),
    item(6, None),
    item(7, "a broken file", status="skipped"),
]


def test_duplicated_captions_come_first_most_frequent_first(tmp_path: Path) -> None:
    rows = run(tmp_path, CORPUS, CAPTIONS).rows
    assert sets_of(rows) == {"video-duplicated": ["a cat", "a dog"], "random-train": ["a bird"]}
    cat = rows[0]
    assert (cat["duplicates"], cat["content_duplicates"], cat["source_ids"]) == (3, 2, ["i0", "i2"])
    assert (
        cat["risk"] == pytest.approx(math.log2(3))
        and cat["evidence"] == "caption stands 3 times; 2 of them are one file"
    )
    assert cat["same_video"] is None and cat["near_captions"] is None


def by_hand(rows: list[dict[str, Any]], sizes: Prompts) -> list[tuple[str, str, int, int, list[str]]]:
    """The sets by captions alone, row by row in plain Python."""
    clips: dict[str, Counter[str]] = {}
    for row in rows:
        text = normalise_text(row["caption"] or "")
        if row["status"] == "ok" and text:
            clips.setdefault(text, Counter())[row["same_as"]] += 1
    found = [(prompt_id(t), t, sum(c.values()), max(c.values()), sorted(c)) for t, c in clips.items()]
    often = sorted((f for f in found if f[2] > 1), key=lambda f: (-f[2], -f[3], f[0]))[: sizes.video_duplicated]
    once = sorted((f for f in found if f[2] == 1), key=lambda f: stable_fraction(sizes.seed, f[0]))[
        : sizes.random_train
    ]
    return [("video-duplicated", *f[1:]) for f in often] + [("random-train", *f[1:]) for f in once]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["", "a", "A", " a ", "b\u2009c", "b c", "\ufb01sh", "fish", "x\x1fy", "e\u0301", "é", "日本"]
            ),
            st.integers(0, 4),
            st.sampled_from(["ok", "ok", "ok", "skipped"]),
        ),
        min_size=1,
        max_size=25,
    ),
    st.integers(1, 4),
)
def test_captions_alone_give_what_plain_loops_give(tmp_path: Path, drawn: list[Any], size: int) -> None:
    rows = [item(n, caption, same_as=clip, status=status) for n, (caption, clip, status) in enumerate(drawn)]
    wanted = CAPTIONS.model_copy(update={"video_duplicated": size, "random_train": size})
    found = run(tmp_path, rows, wanted).rows
    told = [(r["set"], r["text"], r["duplicates"], r["content_duplicates"], r["source_ids"]) for r in found]
    assert told == by_hand(rows, wanted)


@given(st.text())
def test_a_caption_is_the_number_of_its_prompt_id(text: str) -> None:
    assert id_of(key_of(text)) == prompt_id(text)


def test_risk_by_hand(tmp_path: Path) -> None:
    """A cat three times (two of one file); a like caption on that file's re-encoding; and another film of a cat."""
    corpus = [
        item(0, "a cat"), item(1, "a cat", same_as=0), item(2, "a cat"), item(3, "a cat!"), item(4, "some pet"),
        item(5, "a bird"),
    ]  # fmt: skip
    rows = run(tmp_path, corpus, CONTENT, beside(corpus, near=[(0, 3)], video=[(0, 3, 4)])).rows
    cat = rows[0]
    # under a nearly same caption 4 items; 3 of them show the cat's film (p), which 4 items show (v): 3 + 1/2 + 1/4
    assert cat["text"] == "a cat" and cat["risk"] == pytest.approx(math.log2(3.75))
    assert (cat["duplicates"], cat["near_captions"], cat["same_video"]) == (3, 4, 4)
    assert cat["evidence"] == (
        "caption stands 3 times; 2 of them are one file; 4 items bear it or nearly; 4 items show the same clip"
    )
    # one prompt a component: "a cat!" is nearly the same caption, "some pet" the same film
    assert sets_of(rows) == {"video-duplicated": ["a cat"], "random-train": ["a bird"]}


def test_what_is_seen_once_is_seen_once_by_all_evidence(tmp_path: Path) -> None:
    corpus = [item(n, caption) for n, caption in enumerate(["a", "b", "c", "d", "e"])]
    table = beside(corpus, near=[(0, 1)], video=[(1, 2)])
    table[4] |= {"content_component": None, "content_component_size": None, "same_caption_same_video": None}
    rows = run(tmp_path, corpus, CONTENT, table).rows
    assert sets_of(rows)["random-train"] == ["d"], "what e shows is not known"
    drawn = sorted("abcde", key=lambda text: stable_fraction(0, prompt_id(text)))
    assert sets_of(run(tmp_path, corpus, CAPTIONS).rows) == {"random-train": drawn}


def test_shared_motion_counts_only_where_nothing_else_is_shared(tmp_path: Path) -> None:
    corpus = [item(0, "a"), item(1, "b"), item(2, "c"), item(3, "d"), item(4, "d")]
    table = beside(corpus, video=[(0, 1)], motion={0: 4, 2: 2, 3: 9})
    rows = {row["text"]: row for row in run(tmp_path, corpus, MOTION, table).rows}
    assert rows["c"]["set"] == "motion-duplicated" and rows["c"]["risk"] == pytest.approx(math.log2(3))
    assert "2 items move the same and show something else" in rows["c"]["evidence"]
    assert rows["d"]["set"] == "video-duplicated" and rows["d"]["same_motion"] == 9
    assert {"a", "b"} & set(rows) and {rows[t]["set"] for t in {"a", "b"} & set(rows)} == {"video-duplicated"}


def test_images_are_a_set_of_their_own_where_it_has_a_size(tmp_path: Path) -> None:
    corpus = [item(n, "a photo", kind="image") for n in range(3)] + [item(n, "a film") for n in (3, 4)]
    assert sets_of(run(tmp_path, corpus, CAPTIONS).rows) == {"video-duplicated": ["a photo", "a film"]}
    apart = CAPTIONS.model_copy(update={"image_duplicated": 5})
    found = sets_of(run(tmp_path, corpus, apart).rows)
    assert found == {"video-duplicated": ["a film"], "image-duplicated": ["a photo"]}


def test_captions_that_are_no_prompts_are_counted(tmp_path: Path) -> None:
    corpus = [*CORPUS, item(8, "x" * 101), item(9, "  ")]
    curated = run(tmp_path, corpus, CAPTIONS.model_copy(update={"max_characters": 100}))
    assert curated.left_out == {
        "no caption": 2,
        "the caption is longer than 100 characters": 1,
        "the item is not ok": 1,
    }
    assert sum(r["duplicates"] for r in curated.rows) + sum(curated.left_out.values()) == len(corpus)


def test_an_imported_prompt_that_the_corpus_holds_keeps_its_evidence(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("a bird\n\na ship\na ship\n")
    wanted = CAPTIONS.model_copy(update={"random_train": 0, "imported": str(tmp_path / "mine.txt")})
    imported = {r["text"]: r for r in run(tmp_path, CORPUS, wanted).rows if r["set"] == "imported"}
    assert sorted(imported) == ["a bird", "a ship"]
    assert imported["a bird"]["source_ids"] == ["i5"] and imported["a bird"]["origin"] == "mine.txt"
    assert imported["a ship"]["duplicates"] == 0
    assert imported["a ship"]["evidence"] == "imported; not a caption of the corpus"


def test_rewordings_are_of_the_riskiest_and_are_no_captions(tmp_path: Path) -> None:
    often, once = "Two kids playing at sunset", "2 kids playing at sunset"
    corpus = [
        item(0, often),
        item(1, often, same_as=0),
        item(2, often),
        item(3, once),
        item(4, "夕日"),
        item(5, "夕日"),
    ]
    wanted = CAPTIONS.model_copy(update={"paraphrase": 5, "rewordings": 3})
    rows = [r for r in run(tmp_path, corpus, wanted).rows if r["set"] == "paraphrase"]
    assert len(rows) == 3 and once not in {r["text"] for r in rows}, "three of one prompt; the other can't be reworded"
    for row in rows:
        assert row["origin"] == prompt_id(often) and row["source_ids"] == ["i0", "i2"] and row["duplicates"] == 0
        assert row["evidence"].startswith(f"rewording of {prompt_id(often)} (video-duplicated)")


@pytest.mark.parametrize("name", ["video_duplicated", "random_train", "control", "paraphrase"])
def test_a_larger_set_only_appends(tmp_path: Path, name: str) -> None:
    corpus = [item(n, f"A man holding a {n}") for n in range(30)]
    corpus += [item(100 + n, f"A man holding a {20 + n % 10} box") for n in range(40)]
    base = {"evidence": ["caption"], "video_duplicated": 5, "random_train": 5, "control": 5, "paraphrase": 5}
    small = run(tmp_path, corpus, Prompts.model_validate(base)).rows
    large = run(tmp_path, corpus, Prompts.model_validate({**base, name: 9})).rows
    grown = name.replace("_", "-")
    for which, texts in sets_of(small).items():
        found = sets_of(large)[which]
        assert found[: len(texts)] == texts and (which == grown or len(found) == len(texts)), which
    assert len(sets_of(large)[grown]) == 9


def test_a_new_item_moves_no_other_prompt(tmp_path: Path) -> None:
    corpus = [item(n, f"clip {n}") for n in range(50)]
    wanted = CAPTIONS.model_copy(update={"random_train": 51})
    before = [r["text"] for r in run(tmp_path, corpus, wanted).rows]
    after = [r["text"] for r in run(tmp_path, [*corpus, item(99, "clip 99")], wanted).rows]
    assert [t for t in after if t != "clip 99"] == before and len(after) == 51


def test_hostile_captions_stay_as_they_are(tmp_path: Path) -> None:
    text = 'He said "no", <script>alert(1)</script> 🎬'
    assert run(tmp_path, [item(0, text)], CAPTIONS).rows[0]["text"] == text


def test_a_duplicates_table_of_another_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 items of the manifest are not in it"):
        run(tmp_path, CORPUS[:6], CONTENT, beside(CORPUS[:5]))


def test_items_are_joined_by_their_id_and_not_by_their_place(tmp_path: Path) -> None:
    table = beside(CORPUS[:6], video=[(0, 3)])
    assert run(tmp_path, CORPUS[:6], CONTENT, table).rows == run(tmp_path, CORPUS[:6], CONTENT, table[::-1]).rows


def test_chunks_hold_the_sets_in_order(tmp_path: Path) -> None:
    rows = [item(n, f"clip {n}") for n in range(5)]
    tables.write_table(tmp_path / "m.parquet", rows, tables.MANIFEST)
    chunks = {f"random-train-{n:03d}": tmp_path / f"{n}.parquet" for n in range(3)}
    settings = {**CAPTIONS.model_dump(), "chunk_size": 2, "required": True}
    write_prompts(tmp_path / "m.parquet", None, settings, tmp_path / "p.parquet", chunks)
    whole = tables.read_table(tmp_path / "p.parquet")["prompt_id"].to_list()
    parts = [tables.read_table(path)["prompt_id"].to_list() for path in chunks.values()]
    assert [len(p) for p in parts] == [2, 2, 1]
    assert [key for part in parts for key in part] == whole
    assert set(whole) == {prompt_id(f"clip {n}") for n in range(5)}


def test_the_log_says_which_sets_the_corpus_cannot_fill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables.write_table(tmp_path / "m.parquet", CORPUS, tables.MANIFEST)
    settings = {**CAPTIONS.model_dump(), "image_duplicated": 4, "chunk_size": 2, "required": True}
    chunk = {"image-duplicated-000": tmp_path / "0.parquet"}
    write_prompts(tmp_path / "m.parquet", None, settings, tmp_path / "p.parquet", chunk)
    printed = capsys.readouterr().out
    assert "image-duplicated: 0 prompts of 4 asked for: the corpus gives none; its chunks are empty" in printed
    assert "left out: 1 items, no caption" in printed
    assert tables.read_table(tmp_path / "0.parquet").is_empty()
    assert tables.read_made_by(tmp_path / "p.parquet")["left_out"] == {"no caption": 1, "the item is not ok": 1}


def test_no_prompts_at_all_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    tables.write_table(tmp_path / "m.parquet", [item(0, None)], tables.MANIFEST)
    settings = {**Prompts(evidence=["caption"]).model_dump(), "chunk_size": 2, "required": True}
    with pytest.raises(ValueError, match=r"give a captions table \(corpus.captions\)"):
        write_prompts(tmp_path / "m.parquet", None, settings, tmp_path / "p.parquet", {})
    write_prompts(tmp_path / "m.parquet", None, {**settings, "required": False}, tmp_path / "p.parquet", {})
    assert tables.read_table(tmp_path / "p.parquet").is_empty()


def test_the_tables_are_the_same_byte_by_byte(tmp_path: Path) -> None:
    tables.write_table(tmp_path / "m.parquet", CORPUS, tables.MANIFEST)
    settings = {
        **Prompts(evidence=["caption"], control=3, paraphrase=4).model_dump(),
        "chunk_size": 2,
        "required": True,
    }
    for name in ("a", "b"):
        write_prompts(tmp_path / "m.parquet", None, settings, tmp_path / name, {})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert pl.read_parquet(tmp_path / "a").height > 3
