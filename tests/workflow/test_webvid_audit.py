"""From WebVid's table and a folder, or tars, to the prompt set: the steps of docs/webvid.md on a dozen clips."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from corpusfiles import clip_bytes, image_bytes, sample, write_tar

from vidmem import tables
from vidmem.text import normalise_text

ROOT = Path(__file__).parents[2]
PROMPTS = "results/webvid/prompts/prompts.parquet"
MOST_JOBS = 5_000
CAPTIONS = ["A red car drives past", "Aerial view of a lake", "A red car drives past", "Cooking in a kitchen"]
TABLE = "videoid,contentUrl,duration,page_dir,name\n"


def fill(folder: Path) -> None:
    """Twelve clips in WebVid's layout, two of the same bytes, and what real tables have: a dead link, bad text."""
    videos = folder / "data/webvid/videos"
    lines = [TABLE.encode()]
    for n in range(12):
        page = f"{n // 4 * 50 + 1:06d}_{n // 4 * 50 + 50:06d}"
        (videos / page).mkdir(parents=True, exist_ok=True)
        (videos / page / f"{100 + n}.mp4").write_bytes(clip_bytes(0 if n == 2 else n))
        lines.append(f"{100 + n},https://example.org/{n}.mp4,PT00H00M01S,{page},{CAPTIONS[n % 4]}\n".encode())
    lines.append(b"112,https://example.org/12.mp4,PT00H00M01S,000001_000050,never fetched\n")
    lines.append("100,https://example.org/0.mp4,PT00H00M01S,000001_000050,Une rue animée à Paris\n".encode("cp1252"))
    lines.append("101,https://example.org/1.mp4,PT00H00M01S,000001_000050,A cafÃ© at night\n".encode())
    (folder / "data/webvid/results_10M_train.csv").write_bytes(b"".join(lines))


def shipped() -> dict[str, Any]:
    """config/webvid.yaml, whose paths are those of the how-to."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "config/webvid.yaml").read_text(encoding="utf-8"))
    return config


def small(config: dict[str, Any]) -> dict[str, Any]:
    config = copy.deepcopy(config)
    config["corpus"]["chunks"] = 3
    config["features"]["corpus_chunks"] = 2
    return config


@pytest.fixture(scope="module")
def audit(make_workflow: Callable[..., Any]) -> Any:
    workflow = make_workflow(small(shipped()))
    fill(workflow.folder)
    workflow.run()
    return workflow


def rows(workflow: Any, path: str) -> list[dict[str, Any]]:
    return tables.read_table(workflow.folder / path).to_dicts()


def test_the_ranked_prompts_are_what_stands_often_in_the_table(audit: Any) -> None:
    found = rows(audit, PROMPTS)
    ranked = [r for r in found if r["set"] == "video-duplicated"]
    assert ranked[0]["text"] == "A red car drives past" and ranked[0]["duplicates"] == 6
    texts = {normalise_text(c) for c in CAPTIONS} | {"Une rue animée à Paris", "A café at night"}
    assert {r["text"] for r in found if r["set"] != "control"} <= texts
    assert "never fetched" not in {r["text"] for r in found}


def test_every_row_of_the_table_is_a_row_of_the_manifest(audit: Any) -> None:
    found = {r["item_id"]: r for r in rows(audit, "results/webvid/corpus/corpus.parquet")}
    assert len(found) == 15 and {r["corpus"] for r in found.values()} == {"webvid"}
    assert {k: r["reason"] for k, r in found.items() if r["status"] != "ok"} == {"webvid/112": "file not found"}
    assert found["webvid/100#2"]["caption"] == "Une rue animée à Paris"
    assert "read as cp1252" in found["webvid/100#2"]["reason"]
    assert "mojibake" in found["webvid/101#2"]["reason"]
    assert found["webvid/102"]["same_as"] == found["webvid/100#2"]["same_as"] == "webvid/100"


def test_a_second_run_does_nothing(audit: Any) -> None:
    assert audit.planned() == {}


def test_the_shipped_config_asks_for_few_jobs(audit: Any, make_workflow: Callable[..., Any]) -> None:
    workflow = make_workflow(shipped())
    fill(workflow.folder)
    jobs = workflow.planned("--quiet", "rules", "--forceall", "--", "features", PROMPTS)
    assert jobs["corpus_probe"] == shipped()["corpus"]["chunks"] and jobs["corpus_list"] == 1
    assert sum(jobs.values()) < MOST_JOBS


def test_tars_and_images_joined_give_features_of_both(make_workflow: Callable[..., Any]) -> None:
    config = small(shipped())
    sources = {
        "webvid": {"kind": "webdataset", "folder": "shards"},
        "stills": {"kind": "folder", "folder": "stills"},
    }
    config["corpus"] = {"sources": sources, "chunks": 2, "max_loss": 0.5}
    workflow = make_workflow(config)
    write_tar(workflow.folder / "shards/00000.tar", [*sample("0", "one", 0), *sample("1", "two", 1)])
    cut = write_tar(workflow.folder / "shards/00001.tar", [*sample("0", "one", 0), *sample("1", "three", 2)])
    cut.write_bytes(cut.read_bytes()[:-13_000])
    (workflow.folder / "stills").mkdir()
    (workflow.folder / "stills/a.jpg").write_bytes(image_bytes(3))
    workflow.run("--", "features", PROMPTS)
    found = {r["item_id"]: r for r in rows(workflow, "results/webvid/corpus/corpus.parquet")}
    assert {k for k, r in found.items() if r["status"] == "ok"} == {
        "webvid/00000/0",
        "webvid/00000/1",
        "webvid/00001/0",
        "stills/a.jpg",
    }
    (lost,) = (r["reason"] for r in found.values() if r["status"] != "ok")
    assert "cut short" in lost
    parts = [workflow.folder / f"results/webvid/features/corpus/items-00{n}.items.parquet" for n in range(2)]
    items = tables.read_table(parts)
    assert set(items["video_id"]) == {"webvid/00000/0", "webvid/00000/1", "stills/a.jpg"}
    assert set(items["status"]) == {"ok"}
    (ranked,) = (r for r in rows(workflow, PROMPTS) if r["set"] == "video-duplicated")
    assert (ranked["text"], ranked["duplicates"]) == ("one", 2)
