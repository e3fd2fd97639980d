"""What the report says of the corpus, read a batch at a time, against counting all rows at once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmem import tables
from vidmem.report.corpus_facts import MOST_CAPTIONS, corpus_tables
from vidmem.report.inputs import FeatureFiles, ReportInputs
from vidmem.tables import stream

ITEMS = st.lists(
    st.fixed_dictionaries(
        {
            "caption": st.sampled_from([None, "", *"abcdefgh"]),
            "copy_of": st.integers(0, 40),
            "kind": st.sampled_from(["video", "image"]),
            "status": st.sampled_from(["ok", "ok", "ok", "failed"]),
        }
    ),
    max_size=40,
)


@settings(max_examples=25)
@given(items=ITEMS, without=st.sets(st.integers(0, 40), max_size=5))
def test_counts_multiplicities_and_frequent_captions_are_those_of_all_rows(
    tmp_path_factory: pytest.TempPathFactory, items: list[dict[str, Any]], without: set[int]
) -> None:
    rows = [
        {"item_id": f"i{n}", "same_as": f"i{min(n, item.pop('copy_of'))}", "path": "x", **item}
        for n, item in enumerate(items)
    ]
    folder = tmp_path_factory.mktemp("corpus")
    lost = [{"video_id": f"i{n}", "status": "skipped", "reason": "flat"} for n in sorted(without)]
    tables.write_table(folder / "items.parquet", lost, tables.FEATURE_ITEMS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "GROUP_ROWS", 7)
        with tables.table_writer(folder / "m.parquet", tables.MANIFEST) as write:
            write(rows)
        features = {"corpus": FeatureFiles(items=[folder / "items.parquet"])}
        found = corpus_tables(ReportInputs("a", {}, folder / "m.parquet", "", None, {}, features))
    ok = [row for row in rows if row["status"] == "ok"]
    clips = Counter(row["same_as"] for row in ok)
    captions = Counter(row["caption"] for row in ok if row["caption"] is not None)
    repeated = sorted((-times, text) for text, times in captions.items() if times > 1)
    gone = {row["video_id"] for row in lost}
    assert dict(found["corpus"].iter_rows()) == {
        "items": len(rows),
        "compared": sum(row["same_as"] not in gone for row in ok),
        "distinct clips": len(clips),
        "clips that stand more than once": sum(times > 1 for times in clips.values()),
        "distinct captions": len(captions),
        "images": sum(row["kind"] == "image" for row in ok),
        "items without a caption": sum(row["caption"] is None for row in ok),
    }
    assert found["multiplicities"].rows() == sorted(Counter(clips.values()).items())
    assert found["captions"].rows() == [(text, -times) for times, text in repeated[:MOST_CAPTIONS]]
