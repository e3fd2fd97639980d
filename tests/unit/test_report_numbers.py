"""Every number of the report is the one of its tables: cell by cell, on every page, and a changed one is seen."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from bs4 import BeautifulSoup, NavigableString, Tag
from report_world import World

from vidmem import tables
from vidmem.report.build import build_report
from vidmem.report.findings import finding_id
from vidmem.report.inputs import Side
from vidmem.report.words import interval, number, p_value, percent, points, seconds, signed

KINDS = ("content", "template", "motion")
SETTINGS: dict[str, Any] = {"findings": 30, "strip_frames": 2, "strip_width": 48, "clip_width": 64, "prompt_pages": 3}
REMEDIES = {"content": (1.0, 0.05), "template": (1.0, 0.5), "motion": (0.8, 0.2), "content_fidelity": (0.9, 0.85)}
REMEDIES |= {"text_fidelity": (0.95, 0.9), "usable": (1.0, 1.0), "sharpness": (400.0, 380.0), "frechet": (0.5, 0.6)}
REMEDIES |= {"consistency": (0.95, 0.94), "dynamics": (0.1, 0.09), "diversity": (0.1, 0.3), "denoiser_calls": (40, 60)}
WHOLE = ("content", "template", "motion", "usable", "content_fidelity")  # measures that are shares
SCORES = {  # of the gallery, by its name there: column of the table `videos`
    "judged, ours": "content_score", "GSSCD": "gsscd_max", "GSSCD-k": "gsscd_k", "VSSCD": "vsscd",
    "largest part, ours": "template_score", "best GSSCD of a whole frame": "gsscd_max", "ours": "motion_score",
    "OFS-3, raw flow": "ofs3", "OFS-k, raw flow": "ofs", "OFS-k, camera subtracted": "ofs_residual",
}  # fmt: skip

GAIN = {"gain": 0.06, "gain_low": -0.05, "gain_high": 0.11}  # of a detector over another

Row = dict[str, Any]
Checked = Iterator[tuple[Tag, str]]  # an element of a page, and what the tables say that it shows


class Report:
    """The pages as trees, and the tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = [
            "index.html",
            "compare.html",
            *(f"prompts/{p.name}" for p in sorted((folder / "prompts").glob("*.html"))),
        ]
        self.pages = {n: BeautifulSoup((folder / n).read_text(encoding="utf-8"), "html.parser") for n in names}
        self.index = self.pages["index.html"]
        self.tables = {p.stem: pl.read_parquet(p) for p in (folder / "tables").glob("*.parquet")}
        self.summary = json.loads((folder.parent / "summary.json").read_text(encoding="utf-8"))

    def row(self, table: str, **keys: Any) -> Row:
        """The one row of a table that has these values."""
        frame = self.tables[table]
        for column, value in keys.items():
            frame = frame.filter(pl.col(column).eq_missing(pl.lit(value)))
        assert len(frame) == 1, (table, keys, len(frame))
        return frame.row(0, named=True)


def one(tag: BeautifulSoup | Tag, path: str) -> Tag:
    found = tag.select(path)
    assert len(found) == 1, (path, len(found))
    return found[0]


def named(tag: BeautifulSoup | Tag, path: str) -> Iterator[tuple[str, list[Tag]]]:
    """Of the rows of a table's bodies the name that stands before each (or before its group) and the cells."""
    name = ""
    for line in tag.select(f"{path} tbody tr:not(.reason):not(.dataset)"):
        name = line.th.get_text() if line.th else name
        yield name, line.select("td")


def said(tag: Tag) -> str:
    return " ".join(tag.get_text(" ").split())


def spread(row: Row, name: str = "rate", low: str = "", high: str = "") -> str:
    ends = row[low or f"{name}_low"], row[high or f"{name}_high"]
    return f"{percent(row[name])} {interval(*ends)}".strip()


def area(row: Row, name: str = "auc") -> str:
    ends = [row[f"{name}_{end}"] for end in ("low", "high")]
    return number(row[name]) + ("" if None in ends else f" {number(ends[0])}–{number(ends[1])}")


def gain(row: Row) -> str:
    if row["gain"] is None:
        return "–"
    ends = f"{signed(row['gain_low'], 2)} to {signed(row['gain_high'], 2)}"
    return f"{signed(row['gain'], 2)} {ends} on {row['beside'].replace('_', ' ')}"


def plain(value: Any) -> str:
    return "–" if value is None else f"{value:,}"


def rates(report: Report) -> Checked:
    for model, cells in named(report.index, "table.rates"):
        name = str(cells[0].find(string=True, recursive=False)).strip()
        rows = {kind: report.row("rates", model=model, prompt_set=name, kind=kind) for kind in (*KINDS, "any")}
        if cells[0].span:
            yield cells[0].span, f"{rows['any']['prompts']} prompt{'s' * (rows['any']['prompts'] != 1)}"
        yield cells[1], plain(rows["any"]["videos"])
        yield from zip(cells[2:], (spread(row, "rate", "low", "high") for row in rows.values()), strict=True)


def verdicts(report: Report) -> Checked:
    for model, cells in named(report.index, "[aria-labelledby=verdicts]"):
        names = ("verbatim", "retrieved", "template", "motion", "none")
        wanted = [plain(report.row("verdicts", model=model, verdict=name)["videos"]) for name in names]
        seeds = report.row("agreement", model=model)
        yield from zip(cells, [*wanted, spread(seeds, "share", "low", "high")], strict=True)


def study(report: Report) -> Checked:
    for model, cells in named(report.index, "table.study"):
        if len(cells) == 1:
            continue  # an audit without results
        row = report.row("study", model=model, audit="tiny")
        wanted = [plain(row["videos"])]
        for kind, plain_score in (("content", "gsscd_max"), ("motion", "ofs3")):
            wanted.append(spread(row, f"{kind}_rate", f"{kind}_low", f"{kind}_high"))
            for score in (plain_score, f"{kind}_score"):
                wanted.append(f"{number(row[f'{score}_p95'])} max {number(row[f'{score}_max'])}")
            wanted.append(area(row, f"{kind}_auc"))
        yield from zip(cells, wanted, strict=True)


def thresholds(report: Report) -> Checked:
    for model, cells in named(report.index, "table.thresholds"):
        row = report.row("thresholds", model=model, kind=cells[0].get_text().strip())
        ends = [row[f"threshold_{end}"] for end in ("low", "high")]
        shown = "" if None in ends else f" {number(ends[0], 3)}–{number(ends[1], 3)}"
        yield cells[2], number(row["threshold"], 3) + shown
        yield cells[3], number(row["customary"])
        rate = "not stated" if row["fpr"] is None else percent(row["fpr"])
        yield cells[4], f"{rate} {interval(row['fpr_low'], row['fpr_high'])}"
        yield cells[5], f"{plain(row['null_videos'])} ({plain(row['null_needed'])})"
        yield cells[7], p_value(row["fit_p_value"])
    for figure in report.index.select("#scores .multiples figure"):
        title = one(figure, "title").get_text()
        model, kind = re.findall(r"^(.*): (\w+) scores of", title)[0]
        row = report.row("thresholds", model=model, kind=kind)
        rate = "no rate can be stated" if row["fpr"] is None else f"{percent(row['fpr'])} false positives"
        yield one(figure, ".ci"), f"threshold {number(row['threshold'], 3)}, {rate}"
        scores = report.tables["videos"].filter((pl.col("model") == model) & (pl.col("status") == "ok"))[
            f"{kind}_score"
        ]
        above = float((scores >= row["threshold"]).mean() or 0)
        wanted = f"{model}: {kind} scores of {len(scores)} videos against {row['null_videos']} null videos, threshold "
        yield one(figure, "title"), wanted + f"{row['threshold']:.3f}, {above:.0%} above it"


def detectors(report: Report) -> Checked:
    for model, cells in named(report.index, "table.detectors"):
        label = cells[0].get_text().strip()
        row, cost = (
            report.row("detect", model=model, label=label, default=True),
            report.row("detectors", model=model, label=label),
        )
        wanted = [
            plain(row["seeds"]),
            plain(row["calls"]),
            number(cost["seconds"]),
            f"{row['positives']}, {row['negatives']}",
        ]
        wanted += [
            area(row),
            percent(row["best_accuracy"]),
            spread(row, "tpr_at_1pct_fpr"),
            percent(row["tpr_at_01pct_fpr"]),
        ]
        yield from zip(cells[2:], wanted, strict=True)
    for line in report.index.select("ul.compared li"):
        row = report.row(
            "detect", model=one(line, "b").get_text(), label=said(line).split(", ")[1].split()[0], default=True
        )
        end = ": the two are not told apart" if row["gain_low"] <= 0 <= row["gain_high"] else ""
        yield line, f"{row['model']} , {row['label']} verdicts: {row['detector'].replace('_', ' ')} {gain(row)}{end}."
    whole = report.tables["detect"].filter(~pl.col("steps").str.starts_with("step:")).to_dicts()
    lines = list(named(report.index, "[aria-label='All detectors']"))
    for (model, cells), row in zip(lines, whole, strict=True):
        assert (model, said(cells[1]), said(cells[2])) == (row["model"], row["label"], row["steps"])
        wanted = [plain(row["seeds"]), plain(row["calls"]), area(row), percent(row["tpr_at_1pct_fpr"]), gain(row)]
        yield from zip(cells[3:8], wanted, strict=True)
    for name, cells in named(report.index, "[aria-label='Thresholds of one model, put to another']"):
        row = report.row(
            "transfer", detector=name.replace(" ", "_"), fitted_on=said(cells[1]), applied_to=said(cells[2])
        )
        yield from zip(cells[3:], [number(row["threshold"], 4), spread(row, "tpr"), spread(row, "fpr")], strict=True)
    for title in report.index.select("#detection svg title[id^=roc-]"):
        model = title.get_text().split(":")[0]
        aucs = (
            f"{kind} AUC {number(report.row('detect', model=model, label=kind, default=True)['auc'])}"
            for kind in ("content", "motion")
        )
        yield title, f"{model}: ROC of the default detectors, {', '.join(aucs)}"


def truth(report: Report) -> Checked:
    for model, cells in named(report.index, "table.judged"):
        wanted = []
        for kind in ("content", "motion"):
            row = report.row("truth_auc", model=model, kind=kind)
            wanted += [f"{number(row['auc'], 3)} n {row['decided']}", number(row["auc_beside"], 3)]
            wanted += [spread(row, name) for name in ("precision", "recall")]
        yield from zip(cells, wanted, strict=True)


def ratios(report: Report) -> Checked:
    for model, cells in named(report.index, "[aria-labelledby=ratios]"):
        rows = {row["space"]: row for row in report.tables["ratios"].filter(pl.col("model") == model).to_dicts()}
        wanted = [plain(next(iter(rows.values()))["videos"])]
        for space in ("pixel", "feature"):
            row = rows.get(space, {"median": None, "share": None})
            wanted += [number(row["median"]), percent(row["share"])]
        yield from zip(cells, wanted, strict=True)
        title = one(report.index, f"title[id=ratio-{model}-title]")
        shares = [f"in {s}s {r['share']:.0%} of {r['known']} under 1/3" for s, r in rows.items()]
        yield title, f"{model}: nearest-neighbour distance ratios, {'; '.join(shares)}"


def doses(report: Report) -> Checked:
    for model, cells in named(report.index, "table.doses"):
        row = report.row("dose_response", model=model, multiplicity=int(cells[0].get_text()))
        wanted = [
            plain(row["multiplicity"]),
            plain(row["n"]),
            number(row["mean_similarity"]),
            percent(row["retrieved_first"]),
        ]
        yield from zip(cells, [*wanted, *(percent(row[kind]) for kind in KINDS)], strict=True)
    for title in report.index.select("#dose title"):
        model = title.get_text().split(":")[0]
        points_ = report.tables["dose_response"].filter(pl.col("model") == model).to_dicts()
        curve = "; ".join(f"{p['multiplicity']} times: {number(p['mean_similarity'])}" for p in points_)
        yield title, f"{model}: mean similarity to the own clip by multiplicity. {curve}"


def sizes(report: Report) -> Checked:
    for line in report.index.select("#sizes details tbody tr"):
        row = report.row("effective_size", clips=int(line.th.get_text()))
        shares = [
            spread(row, f"{name}_share", f"{name}_low", f"{name}_high")
            for name in ("verdict", "d1_d2_feature", "d1_d2_pixel")
        ]
        yield from zip(line.select("td"), [plain(row["videos"]), *shares], strict=True)
    found = report.summary["effective_size"]["planted"]["sizes"]
    words = {"<": "fewer than {:.0f}", ">=": "{:.0f} or more", "=": "about {:.0f}"}
    for line, size in zip(report.index.select("#sizes .two > div > table tbody tr"), found.values(), strict=True):
        yield one(line, "td"), words[size["bound"]].format(size["clips"]) if size and size["bound"] else "–"


def remedies(report: Report) -> Checked:
    columns = [name for name in REMEDIES if name not in KINDS]
    order = [
        "content_fidelity",
        "text_fidelity",
        "usable",
        "sharpness",
        "consistency",
        "dynamics",
        "diversity",
        "frechet",
        "denoiser_calls",
    ]
    assert sorted(columns) == sorted(order)

    def shown(row: Row, side: str) -> str:
        digits = 0 if row["measure"] in ("sharpness", "denoiser_calls") else 3
        return percent(row[side]) if row["measure"] in WHOLE else number(row[side], digits)

    for group, table in zip(("flagged", "unflagged"), report.index.select("table.remedies"), strict=False):
        assert table.parent is not None
        for remedy, cells in named(table.parent, "table"):
            before = remedy == "none"
            branch = "planted.amg.1" if before else f"planted.{remedy}.{cells[0].get_text()}"
            rows = {name: report.row("mitigation", measure=name, group=group, branch=branch) for name in REMEDIES}
            cost = report.row("mitigation_cost", branch="planted" if before else branch)
            side = "before" if before else "after"
            rated = [shown(rows[k], side) if before else spread(rows[k], "after") for k in KINDS]
            wanted = [*rated, *(shown(rows[name], side) for name in order)]
            wanted += [number(cost["seconds_per_video"], 1), f"{number(cost['memory_mb'], 0)} MB"]
            if before:
                yield cells[0], "–"
            else:
                yield cells[0], f"{rows['content']['strength']:g}"
            yield from zip(cells[1:], wanted, strict=True)


def corpus(report: Report) -> Checked:
    for tile in report.index.select("dl.tiles div"):
        yield one(tile, "dd"), plain(report.row("corpus", what=one(tile, "dt").get_text())["number"])
    listed = report.tables["captions"].to_dicts()
    for line, row in zip(report.index.select("table.captions tbody tr"), listed, strict=True):
        yield line.select("td")[1], plain(row["times"])
    counted = report.tables["duplicates"].to_dicts()
    for (_, cells), row in zip(named(report.index, "[aria-labelledby=repeats]"), counted, strict=True):
        yield from zip(cells, [plain(row[name]) for name in ("items", "most", "unknown")], strict=True)
    for kind in ("content", "caption", "motion"):
        groups = report.tables["repeats"].filter(
            (pl.col("kind") == kind) & ((pl.col("videos") > 1) | (kind == "content"))
        )
        for text, row in zip(report.index.select(f".kind-{kind} > li > p"), groups.to_dicts(), strict=True):
            of = "" if kind == "content" else f" of {row['videos']} video{'s' * (row['videos'] > 1)}"
            yield text, f"{row['items']} items{of} under {row['captions']} caption{'s' * (row['captions'] > 1)}"
    for model, cells in named(report.index, "[aria-labelledby=search]"):
        row = report.row("search", model=model, kind=said(cells[0]))
        yield from zip(
            cells[2:],
            [plain(row["proposed"]), plain(row["queries"]), percent(row["recall_at_1"]), percent(row["recall_at_k"])],
            strict=True,
        )
    for line in report.index.select("#skipped tbody tr"):
        stage, subject, count, reason, _ = line.select("td")
        lost = report.tables["skipped"].filter((pl.col("stage") == said(stage)) & (pl.col("subject") == said(subject)))
        yield count, plain(int((lost["reason"] == said(reason).removesuffix(" failed")).sum()))
    for line in report.index.select("#reproduce tbody tr"):
        if line.select("td.num"):
            yield one(line, "td"), number(report.summary["wall_seconds"][said(line.th)], 1)


def gallery(report: Report) -> Checked:
    videos = {finding_id(row["model"], row["video_id"]): row for row in report.tables["findings"].to_dicts()}
    for card in report.index.select("article.card"):
        row = videos[str(card["id"]).removeprefix("finding-")]
        assert (card["data-model"], card["data-set"]) == (row["model"], row["prompt_set"])
        for block in card.select(".block"):
            kind = next(k for k in KINDS if k in block["class"])
            facts = {said(d.dt): d.dd for d in block.select(".facts > div")}
            score, limit, p, q = (row[f"{kind}_{name}"] for name in ("score", "threshold", "p_value", "q_value"))
            assert said(facts["Reference"]).endswith(row[f"{kind}_ref_id"])
            yield facts[f"{kind.capitalize()} score"], f"{number(score, 3)} threshold {number(limit, 3)}"
            seen = report.row("thresholds", model=row["model"], kind=kind)["null_videos"]
            beyond = f"extrapolated beyond {seen} null videos" if p * (seen + 1) < 0.999 else ""
            yield (
                facts["p-value"],
                " ".join(filter(None, (p_value(p), f"q {p_value(q)}" if q is not None else "", beyond))),
            )
            for pair in block.select(".beside > div"):
                name = said(pair.dt)
                if name == "frames that match":
                    wanted = (
                        f"{percent(row['gen_fraction'])} of the video, {percent(row['ref_fraction'])} of the reference"
                    )
                else:
                    wanted = number(row[SCORES[name]], 3)
                yield pair.dd, wanted
            at = {side: row[f"{kind}_{side}_time_s"] for side in ("gen", "ref")}
            ends = [(row.get(f"{kind}_{s}_start_s"), row.get(f"{kind}_{s}_end_s"), at[s]) for s in at]
            times = [at if end is None else end for start, stop, at in ends for end in (start, stop)]
            closest = (
                f" closest frames at {number(row['content_gen_time_s'])} s and {number(row['content_ref_time_s'])} s"
                if kind == "content"
                else ""
            )
            yield (
                one(block, ".when"),
                f"{seconds(*times[:2])} of the video is {seconds(*times[2:])} of the clip{closest}",
            )
            for cell, value in zip(block.select(".cells td.num"), row["template_map"], strict=False):
                yield cell, "–" if value is None or value != value else number(value)


def prompts(report: Report) -> Checked:
    videos = report.tables["videos"]
    for name, page in report.pages.items():
        for line in page.select("table.seeds tbody tr"):
            cells = line.select("td")
            known = None if name.endswith("no-prompt.html") else Path(name).stem
            seed = int(said(cells[0]))
            row = report.row("videos", model=said(line.th), prompt_id=known, seed=seed) if known else None
            place = page.select("table.seeds tbody tr").index(line)
            row = row or videos.filter(pl.col("prompt_id").is_null()).sort("seed", "video_id").to_dicts()[place]
            yield cells[0], plain(row["seed"])
            for kind, cell in zip(KINDS, cells[3:6], strict=True):
                score, limit = row[f"{kind}_score"], row[f"{kind}_threshold"]
                yield cell, f"{number(score, 3)} {'≥' if score >= limit else '<'} {number(limit, 3)}"
    for line in report.pages["prompts/index.html"].select("#prompts tbody tr"):
        link = line.a["href"] if line.a else None
        texts = {None: "Videos of no known prompt"} | dict(
            report.tables["findings"].select("prompt_id", "prompt").iter_rows()
        )
        key = Path(str(link)).stem if link and link != "no-prompt.html" else None
        if link is None:
            key = next(k for k, text in texts.items() if text and " ".join(text.split()) == said(line.td))
        mine = videos.filter(pl.col("prompt_id").eq_missing(pl.lit(key)))
        wanted = ["–", plain(len(mine)), *(plain(int(mine[f"{kind}_memorised"].sum())) for kind in KINDS)]
        yield from zip(line.select("td.num"), wanted, strict=True)


def compared(report: Report) -> Checked:
    page = report.pages["compare.html"]
    for line, row in zip(page.select("table.compared tbody tr"), report.tables["compared"].to_dicts(), strict=True):
        assert said(line.th) == row["model"]
        share = row["measure"] == "rate"
        show = points if share else signed
        ends = [show(row[f"difference_{end}"]) for end in ("low", "high")]
        tail = ("" if "–" in ends else f" {ends[0]} to {ends[1]}") + (" points" if share else "")
        sides = [percent(row[s]) if share else number(row[s], 3) for s in ("first", "second")]
        wanted = [plain(row["pairs"]), plain(row["prompts"]), *sides, show(row["difference"]) + tail]
        yield from zip(
            line.select("td.num"), [*wanted, plain(row["only_first"]), plain(row["only_second"])], strict=True
        )
    for line, row in zip(page.select("table.changed tbody tr"), report.tables["changed"].to_dicts(), strict=True):
        scores = [
            f"{number(row[f'{kind}_score_first'], 3)} → {number(row[f'{kind}_score_second'], 3)}" for kind in KINDS
        ]
        yield from zip(line.select("td.num"), [plain(row["seed"]), *scores], strict=True)


PARTS = (
    *(rates, verdicts, study, thresholds, detectors, truth, ratios, doses, sizes, remedies, corpus, gallery, prompts),
    compared,
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A report that has all its parts: remedies, sizes, an index, detectors beside others, and another audit."""
    root = tmp_path_factory.mktemp("numbers")
    world = World(root / "world")
    world.sized("planted")
    world.repeats()
    measured = {"proposed": 50, "searched_whole": {}, "queries": 12, "recall_at_1": 1.0, "recall_at_k": 0.925}
    world.searched = {"index": {"kind": "ivfpq", "content": measured, "motion": {}}}
    models = {
        "planted": world.model("planted", hits=12),
        "my-folder": world.model("my-folder", hits=6, known=False, prompts=False),
    }
    world.mitigated("planted", {"planted.amg.1": REMEDIES, "planted.amg.4": REMEDIES | {"sharpness": (400.0, 9000.0)}})
    source = models["planted"]
    assert source.detect is not None
    better = pl.col("default") & (pl.col("label") == "motion")
    rows = tables.read_table(source.detect).with_columns(
        pl.lit(4).alias("calls"),
        pl.when(better).then(pl.lit("content_magnitude")).alias("beside"),
        *(pl.when(better).then(value).alias(name) for name, value in GAIN.items()),
    )
    tables.write_table(source.detect, rows, tables.DETECT)
    pair = {"detector": "content_magnitude", "label": "content", "steps": "first", "status": "ok", "threshold": 0.25}
    pair |= {
        "fitted_on": "planted",
        "applied_to": "my-folder",
        "tpr": 0.5,
        "tpr_low": 0.4,
        "tpr_high": 0.6,
        "fpr": 0.125,
    }
    tables.write_table(root / "transfer.parquet", [pair], tables.TRANSFER)
    folder = root / "benchmarks" / "planted"
    folder.mkdir(parents=True)
    (folder / "video-duplicated-000.tsv").write_text("s\th:m:s\n96.5\t0:01:36\n")
    first = pl.col("seed") == 0
    later = tables.read_table(source.metrics).with_columns(
        pl.col("content_score") - 0.1 * pl.col("seed"),
        pl.col("content_memorised") & first,
        pl.when(first).then("verdict").otherwise(pl.lit("none")).alias("verdict"),
    )
    tables.write_table(root / "later.parquet", later, tables.METRICS)
    sides = [Side("tiny", {"planted": source.metrics}), Side("later", {"planted": root / "later.parquet"})]
    inputs = replace(
        world.inputs(models), compare=sides, transfer=root / "transfer.parquet",
        benchmarks={"generate": sorted(folder.glob("*.tsv"))},
    )  # fmt: skip
    build_report(inputs, SETTINGS, root / "report")
    return Report(root / "report")


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_number_is_the_one_of_the_tables(report: Report, part: Any) -> None:
    pairs = [(said(tag), wanted) for tag, wanted in part(report)]
    assert len(pairs) > 3
    assert [shown for shown, _ in pairs] == [wanted for _, wanted in pairs]


def test_no_number_is_left_out(report: Report) -> None:
    checked = {id(tag) for part in PARTS for tag, _ in part(report)}
    drawn = ("Reference", "Speed at full colour")  # text, and the scale of a picture
    for name, page in report.pages.items():
        facts = [d.dd for d in page.select(".facts > div") if said(d.dt) not in drawn]
        cells = [cell for cell in page.select("td.num") if not cell.find_parent(id="method")]
        every = [*cells, *facts, *page.select(".beside dd, .tiles dd, .when")]
        assert [said(tag) for tag in every if id(tag) not in checked] == [], name


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_a_changed_number_is_seen(report: Report, part: Any) -> None:
    """A digit of the first, a middle and the last element that a part compares is put to another digit."""
    numbers = [n for n, (tag, _) in enumerate(part(report)) if re.search(r"\d", said(tag))]
    for place in (numbers[0], numbers[len(numbers) // 2], numbers[-1]):
        tag = [tag for tag, _ in part(report)][place]
        before = next(iter(tag.find_all(string=re.compile(r"\d"))))
        changed = NavigableString(re.sub(r"\d", lambda found: str(9 - int(found[0])), str(before), count=1))
        before.replace_with(changed)
        agrees = _agrees(report, part)
        changed.replace_with(before)
        assert not agrees, said(tag)


def _agrees(report: Report, part: Any) -> bool:
    try:
        return all(said(tag) == wanted for tag, wanted in part(report))
    except (AssertionError, ValueError, KeyError):  # the number names its row
        return False


def test_the_answer_adds_up(report: Report) -> None:
    first, second, third = (said(p) for p in report.index.select(".answer p"))
    whole = report.tables["rates"].filter(pl.col("prompt_set") == "all")
    for sentence, kind in ((first, "content"), (second, "motion")):
        rows = whole.filter(pl.col("kind") == kind)
        assert f"{rows['memorised'].sum()} reproduce training {kind}" in sentence
        for row in rows.to_dicts():
            assert f"{row['model']} , {percent(row['rate'])} [{interval(row['low'], row['high'])}]" in sentence
    videos = whole.filter(pl.col("kind") == "any")["videos"].sum()
    assert first.startswith(
        f"Of {videos} videos from 2 models, compared with {report.row('corpus', what='compared')['number']} "
    )
    parts = report.tables["verdicts"].filter(pl.col("verdict") == "template")["videos"].sum()
    assert f"of {parts} more a part of the frame comes back" in first
    row = report.row("truth_pooled", kind="content")
    shares = [f"{percent(row[n])} [{interval(row[f'{n}_low'], row[f'{n}_high'])}]" for n in ("precision", "recall")]
    assert f"{shares[0]} of content verdicts are right and {shares[1]} of copies are found" in third
    assert f"AUC {number(report.row('detect', model='planted', label='content', default=True)['auc'])}" in third
