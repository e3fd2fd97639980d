"""The page: it parses, stands alone, shows hostile text as text, and holds up with little or nothing to show."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from report_world import HOSTILE, HOSTILE_REASON, World

from vidmem import tables
from vidmem.report.build import build_report
from vidmem.report.inputs import ReportInputs

SETTINGS = {"title": "Memorisation audit", "findings": 12, "strip_frames": 4, "strip_width": 64}
VOID = {"meta", "link", "img", "br", "input", "col", "hr"}


class Page(HTMLParser):
    """Elements with their attributes, and what was left open."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, ReportInputs]:
    made = World(tmp_path_factory.mktemp("world"))
    made.sized("planted")
    made.repeats()
    measured = {"proposed": 50, "searched_whole": {}, "queries": 12, "recall_at_1": 1.0, "recall_at_k": 0.925}
    made.searched = {
        "index": {"kind": "ivfpq", "content": measured, "motion": {}},
        "short_corpus_clips": {"window": 7, "number": 5, "first": ["<i>x</i>", "a"]},
    }
    models = {
        "planted": made.model("planted", hits=6),
        "my-folder": made.model("my-folder", hits=4, known=False, prompts=False),
    }
    return made, made.inputs(models)


@pytest.fixture(scope="module")
def report(world: tuple[World, ReportInputs], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "report"
    build_report(world[1], SETTINGS, out)
    return out


def page_of(folder: Path) -> Page:
    return Page((folder / "index.html").read_text(encoding="utf-8"))


def test_every_element_is_closed_and_every_id_is_unique(report: Path) -> None:
    page = page_of(report)
    assert page.open == []
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    fragments = {str(a["href"])[1:] for a in page.all("a") if str(a["href"]).startswith("#")}
    assert fragments <= set(ids)


def test_nothing_is_fetched_from_elsewhere(report: Path) -> None:
    text = (report / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"(?:https?:)?//[a-z]", re.sub(r"^\s*//.*$", "", text, flags=re.M), re.I)
    assert not re.search(r"@import|url\((?!#)", text)
    policy = next(m for m in page_of(report).all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in str(policy["content"])


def test_the_policy_lets_the_own_script_and_style_run_and_no_other(report: Path) -> None:
    text = (report / "index.html").read_text(encoding="utf-8")
    policy = str(next(m["content"] for m in page_of(report).all("meta") if m.get("http-equiv")))
    for tag in ("script", "style"):
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S)
        assert len(found) == 1
        digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy and not [a for _, a in page_of(report).elements if "style" in a]


def test_every_picture_exists_has_its_size_and_says_what_it_shows(report: Path) -> None:
    images = page_of(report).all("img")
    assert len(images) > 8
    for image in images:
        with Image.open(report / str(image["src"])) as picture:
            assert picture.width % int(str(image["width"])) == 0
        assert image["alt"]
    films = page_of(report).all("video")
    assert films and all(f["aria-label"] and f["preload"] == "none" and "controls" in f for f in films)
    sheets = {str(i["href"]) for i in page_of(report).all("image")}
    shown = {str(i["src"]) for i in images + films} | sheets
    assert sheets == {"media/repeats.webp"} and {f"media/{p.name}" for p in (report / "media").iterdir()} == shown


def test_a_hostile_caption_is_shown_as_text(report: Path) -> None:
    page = page_of(report)
    assert len(page.all("script")) == 1
    assert not [i for i in page.all("img") if i["src"] == "x"]
    assert not [a for _, a in page.elements if any(name.startswith("on") for name in a)]
    assert " ".join(HOSTILE.split()) in " ".join(page.text.split())
    assert not page.all("i")  # of the skipped item's reason
    assert "truncated <i>here</i>" in page.text


def test_plots_are_named_and_tables_have_scoped_headers(report: Path) -> None:
    page = page_of(report)
    plots = [s for s in page.all("svg") if s.get("class") == "plot"]
    titles = {a["id"] for a in page.all("title") if "id" in a}
    assert plots
    assert all(s["role"] == "img" and s["aria-labelledby"] in titles for s in plots)
    assert all("scope" in th for th in page.all("th"))
    assert all("alt" in i for i in page.all("img"))


def test_motion_findings_show_the_flow_of_both_sides(report: Path) -> None:
    motion = [a for a in page_of(report).all("article") if a["data-kinds"] == "motion"]
    assert motion
    flows = [str(i["src"]) for i in page_of(report).all("img") if str(i["src"]).endswith("-flow.webp")]
    assert len([f for f in flows if "-gen-" in f]) == len([f for f in flows if "-ref-" in f]) > 0


def text_of(report: Path) -> str:
    return " ".join(page_of(report).text.split())


def test_a_part_that_comes_back_is_shown_on_the_frame_beside_the_reference(report: Path) -> None:
    page = page_of(report)
    every = [i for i in page.all("img") if str(i["src"]).endswith("-map.webp")]
    maps = [i for i in every if str(i["alt"]).startswith("The generated frame with the similarity map")]
    assert 0 < len(maps) < len(every)
    assert all("16 of 42 cells with texture come back, in the upper left" in str(i["alt"]) for i in maps)
    name = str(maps[0]["src"]).removesuffix("-map.webp")
    sources = {str(i["src"]) for i in page.all("img")}
    assert {f"{name}-gen.webp", f"{name}-ref.webp"} <= sources
    with Image.open(report / f"{name}-map.webp") as marked, Image.open(report / f"{name}-gen.webp") as plain:
        assert marked.size == plain.size
        kept, pale = (np.asarray(p.convert("RGB"), float)[[20, 100], [20, 100]] for p in (plain, marked))
        assert np.abs(kept[0] - pale[0]).max() < 25 < np.abs(kept[1] - pale[1]).max()
    assert "template" in {str(a["data-kinds"]).split()[0] for a in page.all("article") if a["data-kinds"]}


def test_cells_can_be_read_as_a_table(report: Path) -> None:
    text = text_of(report)
    assert "Similarity by cell" in text
    assert "row 1 0.930.930.930.930.100.100.10" in text.replace(" 0.", "0.").replace("row 10", "row 1 0")


def test_findings_say_which_time_is_which_and_hold_scores_side_by_side(report: Path) -> None:
    text = text_of(report)
    assert "0.25–0.75 s of the video is 0.5–1 s of the clip" in text
    assert "0.25 s of the video is 0.5 s of the clip" in text
    for name in ("judged, ours", "VSSCD", "OFS-3, raw flow", "OFS-k, camera subtracted", "largest part, ours"):
        assert name in text
    assert "50 % of the video, 100 % of the reference" in text


def test_thresholds_have_intervals_and_reasons_that_are_text(report: Path) -> None:
    page, text = page_of(report), text_of(report)
    assert "0.600 0.520–0.710" in text and "tail fit" in text and "40 (99)" in text
    assert "not stated" in text
    assert f"Motion: {HOSTILE_REASON}." in text
    assert "thresholds" in [a.get("id") for a in page.all("h3")]


def test_a_raised_threshold_and_one_without_an_upper_end_are_said_so(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_prompt=1)
    files = world.model("m", hits=1)
    made_by = tables.read_made_by(files.metrics)
    made_by["template"] |= {"threshold": 0.15, "threshold_low": 0.02, "threshold_high": 0.06}
    made_by["motion"] |= {"threshold_high": None}
    tables.write_table(files.metrics, tables.read_table(files.metrics), tables.METRICS, made_by)
    build_report(world.inputs({"m": files}), SETTINGS, tmp_path / "report")
    text = text_of(tmp_path / "report")
    assert "raised to the least share that is called" in text and "under 1.0 %" in text and "0.020–0.060" not in text
    assert "0.600 0.520 or more" in text


def test_rates_verdicts_and_seeds_are_shown_by_model(report: Path) -> None:
    text = text_of(report)
    assert "ContentTemplateMotionAny" in text
    assert "a part of the frame comes back" in text  # in the answer
    assert "Seeds that agree" in text and "proves no copying by itself" in text


def test_sizes_are_a_curve_and_a_table(report: Path) -> None:
    text = text_of(report)
    assert "effective memorisation size at 90 %" in text
    assert "about 7" in text and "fewer than 4" in text
    titles = re.findall(r"<title id=\"size-planted-title\">(.*?)</title>", (report / "index.html").read_text("utf-8"))
    assert len(titles) == 1 and "4 clips: 100%; 16 clips: 75%; 64 clips: 12%" in titles[0]


def test_what_the_search_left_out_is_told(report: Path) -> None:
    text = text_of(report)
    assert "5 corpus clips have fewer than 7 flow fields" in text and "<i>x</i>" in text
    assert "ivfpq" in text and "92.5 %" in text


def test_scores_of_others_stand_in_the_truth_table(report: Path) -> None:
    text = text_of(report)
    assert "AUC, oursVSSCDPrecisionRecallAUC, oursOFS-3 rawPrecisionRecall" in text
    assert "OFS-3 knows no such filter" in text
    assert {"ratio-planted-title", "ratio-my-folder-title"} <= {a.get("id") for a in page_of(report).all("title")}


def test_a_page_without_sizes_index_or_short_clips_is_silent_about_them(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_prompt=1)
    build_report(world.inputs({"m": world.model("m", hits=1)}), SETTINGS, tmp_path / "report")
    page = page_of(tmp_path / "report")
    assert not {"sizes", "search"} & {a.get("id") for _, a in page.elements}
    assert "flow fields, a motion window" not in page.text


def test_answer_has_three_sentences_with_numbers(report: Path) -> None:
    text = (report / "index.html").read_text(encoding="utf-8")
    answer = re.search(r'<div class="answer">(.*?)</div>', text, re.S)
    assert answer is not None
    sentences = re.findall(r"<p>(.*?)</p>", answer[1])
    assert len(sentences) == 3
    assert all(re.search(r"\d", s) for s in sentences)
    assert "[" in sentences[0] and "%" in sentences[0]


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_second_build_gives_the_same_bytes_and_leaves_nothing_old(
    world: tuple[World, ReportInputs], report: Path, tmp_path: Path
) -> None:
    (report / "media" / "old.webp").write_bytes(b"leftover")
    build_report(world[1], SETTINGS, report)
    build_report(world[1], SETTINGS, tmp_path / "report")
    assert files_of(report) == files_of(tmp_path / "report")
    assert (report.parent / "summary.json").read_bytes() == (tmp_path / "summary.json").read_bytes()


def test_without_findings_the_closest_matches_are_shown_and_called_so(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_prompt=1)
    build_report(world.inputs({"clean": world.model("clean", hits=0)}), SETTINGS, tmp_path / "report")
    page = page_of(tmp_path / "report")
    assert page.text.count("not a finding") == 3
    assert "No video was called memorised" in page.text


def test_a_model_without_videos_and_one_whose_files_are_gone(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_prompt=1)
    inputs = world.inputs({"empty": world.model("empty", empty=True), "gone": world.model("gone", hits=4)})
    for path in (tmp_path / "w" / "gone" / "media").iterdir():
        path.unlink()
    summary = build_report(inputs, SETTINGS, tmp_path / "report")
    assert summary["models"]["empty"]["content"]["rate"] is None
    assert "No picture: the file could not be read" in page_of(tmp_path / "report").text
    assert str(tmp_path) not in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")


def test_a_corpus_of_which_everything_was_skipped(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_prompt=1)
    lost = [{"item_id": f"i{n}", "status": "skipped", "reason": "zero bytes"} for n in range(30)]
    tables.write_table(tmp_path / "w" / "corpus.parquet", lost, tables.MANIFEST)
    inputs = replace(world.inputs({"empty": world.model("empty", empty=True, known=False)}), features={}, benchmarks={})
    summary = build_report(inputs, SETTINGS, tmp_path / "report")
    assert summary["corpus"] == {
        "items": 30,
        "ok": 0,
        "skipped": [{"item_id": r["item_id"], "reason": "zero bytes"} for r in lost],
        "short_clips": None,
    }
    assert "and 18 more" in page_of(tmp_path / "report").text


def test_a_path_that_leaves_its_root_is_not_opened(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_prompt=1)
    inputs = world.inputs({"planted": world.model("planted", hits=4)})
    rows = tables.read_table(inputs.manifest).with_columns(pl.lit("../outside.mp4").alias("path"))
    tables.write_table(inputs.manifest, rows, tables.MANIFEST)
    build_report(inputs, SETTINGS, tmp_path / "report")
    assert "No picture: path leaves the folder" in page_of(tmp_path / "report").text


def test_tables_are_written_as_csv_and_parquet_and_hold_no_formulas(report: Path) -> None:
    names = {"rates", "verdicts", "agreement", "thresholds", "findings", "matches", "detect", "truth", "truth_auc"}
    names |= {"transfer", "dose_response", "effective_size", "search", "skipped", "study", "videos", "duplicates"}
    names |= {"repeats", "truth_pooled", "detectors", "ratios", "corpus", "multiplicities", "captions"}
    assert {"rates.tex", "study.tex"} <= {p.name for p in (report / "tables").glob("*.tex")}
    for suffix in (".csv", ".parquet"):
        assert {p.stem for p in (report / "tables").glob(f"*{suffix}")} == names
    rates = pl.read_parquet(report / "tables" / "rates.parquet")
    assert set(rates["kind"]) == {"content", "template", "motion", "either", "any"}
    assert rates.filter((pl.col("low") > pl.col("rate")) | (pl.col("high") < pl.col("rate"))).is_empty()
    prompts: Any = pl.read_csv(report / "tables" / "findings.csv")["prompt"].drop_nulls()
    assert not prompts.str.starts_with("=").any()
    assert pl.read_parquet(report / "tables" / "findings.parquet")["prompt"].str.starts_with("=").any()
    assert pl.read_parquet(report / "tables" / "skipped.parquet")["reason"].null_count() == 0
