"""The table of duplicates is made by its rule, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidmem import tables
from vidmem.corpus.made.render import render_clip
from vidmem.media import write_video

CONTENTS = ("rug", "bricks", "glass")
TARGET = "results/copies/duplicates/corpus.parquet"


def clip(content: str) -> np.ndarray:
    return render_clip(content, "bounce", "still", width=96, height=96, fps=8, seconds=1.5, seed=0)


@pytest.fixture(scope="module")
def audit(make_workflow: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    data = tmp_path_factory.mktemp("data")
    for folder in ("corpus", "generated"):
        (data / folder).mkdir()
        for content in CONTENTS:
            write_video(data / folder / f"{content}.mp4", clip(content), fps=8)
    write_video(data / "corpus" / "again.mp4", clip("rug"), fps=8, crf=30)
    (data / "corpus" / "empty.mp4").write_bytes(b"")
    rows = ["path,caption", *(f"{p.name},a clip of something" for p in sorted((data / "corpus").iterdir()))]
    (data / "corpus" / "captions.csv").write_text("\n".join(rows), encoding="utf-8")
    return make_workflow(
        {
            "audit": "copies",
            "corpus": {"folder": str(data / "corpus"), "max_loss": 0.5},
            "features": {"corpus_chunks": 2},
            "duplicates": {"semantic_limit": 0},
            "models": {"theirs": {"kind": "videos", "folder": str(data / "generated")}},
        }
    )


def test_the_table_can_be_asked_for_by_its_file_and_a_second_run_does_nothing(audit: Any) -> None:
    audit.run(TARGET)
    table = tables.read_table(Path(audit.folder) / TARGET)
    found = {row["item_id"]: row for row in table.iter_rows(named=True)}
    assert found["again.mp4"]["content_component"] == found["rug.mp4"]["content_component"] == "again.mp4"
    assert found["bricks.mp4"]["content_component_size"] == 1
    assert found["rug.mp4"]["same_caption_other_video"] == 2
    assert found["empty.mp4"]["status"] == "skipped" and found["empty.mp4"]["reason"]
    assert "Nothing to be done" in audit.run("--dry-run", TARGET).stdout


def test_other_settings_make_the_table_again_and_nothing_before_it(audit: Any) -> None:
    config = audit.config.read_text(encoding="utf-8")
    audit.config.write_text(config.replace("semantic_limit: 0", "content_share: 0.9\n  semantic_limit: 0"), "utf-8")
    assert audit.planned(TARGET) == {"duplicates": 1}
