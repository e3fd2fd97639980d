"""The command beside a finished audit: what it finds is what the audit found; and the examples of docs/cli.md."""

from __future__ import annotations

import doctest
import importlib
import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from auditworld import CAPTION, CORPUS, HELDOUT, MODEL, Audit, make_audit
from PIL import Image
from tablefiles import differences
from typer.testing import CliRunner, Result

from vidmem import compare, find, tables
from vidmem.cli import show
from vidmem.cli.app import app
from vidmem.cli.canvas import MARGIN, ROOM, WIDTH
from vidmem.cli.errors import Failure
from vidmem.cli.kin import kin_of_background
from vidmem.cli.sheet import draw_found
from vidmem.report.strips import MARKS
from vidmem.retrieve import relatives

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "cli.md"


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return make_audit(tmp_path_factory.mktemp("world"))


@pytest.fixture
def vidmem_in(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command, called in the folder that the audit lies in."""
    monkeypatch.chdir(audit.results.parents[1])
    return lambda *arguments: CliRunner().invoke(app, list(arguments), prog_name="vidmem", terminal_width=120)


def test_the_tables_of_an_audit_are_as_their_reference_says(audit: Audit) -> None:
    assert differences(audit.results) == []
    lost = audit.results / "metrics" / "more" / "than" / "is.known.parquet"
    tables.write_table(lost, [], tables.METRICS)
    assert differences(audit.results) == ["metrics/more/than/is.known.parquet: in no table's files"]
    shutil.rmtree(audit.results / "metrics" / "more")


def rows_of(audit: Audit, table: str, video: str) -> pl.DataFrame:
    """Rows of a table of the audit about one generated file."""
    videos = tables.read_table(audit.results / f"generate/{MODEL}/videos-000.videos.parquet")
    video_id = videos.filter(pl.col("path") == video)["video_id"][0]
    return tables.read_table(audit.results / table).filter(pl.col("video_id") == video_id)


@pytest.mark.parametrize(
    ("name", "reached"), [("copy.mp4", {"content", "motion"}), ("motion.mp4", {"motion"}), ("own.mp4", set())]
)
def test_a_search_finds_what_the_audit_found(audit: Audit, name: str, reached: set[str]) -> None:
    found = find(audit.results, audit.generated / name)
    theirs = rows_of(audit, f"retrieve/{MODEL}.parquet", name)
    for kind, matches in (("content", found.content), ("motion", found.motion)):
        expected = theirs.filter(pl.col("kind") == kind).sort("rank").to_dicts()
        assert [(m.item_id, m.score) for m in matches] == [(r["ref_id"], r["score"]) for r in expected]
        spans = [(m.start_s, m.end_s, m.ref_start_s, m.ref_end_s) for m in matches]
        columns = ("gen_start_s", "gen_end_s", "ref_start_s", "ref_end_s")
        assert spans == [tuple(r[c] for c in columns) for r in expected]
        assert all(m.scores[c] == r[c] for m, r in zip(matches, expected, strict=True) for c in m.scores)
    verdict = rows_of(audit, f"metrics/{MODEL}.parquet", name).row(0, named=True)
    for one in found.judged:
        assert one.score == verdict[f"{one.kind}_score"] and one.threshold == verdict[f"{one.kind}_threshold"]
        assert one.reached == verdict[f"{one.kind}_memorised"]
        assert one.p_value == pytest.approx(verdict[f"{one.kind}_p_value"], abs=1e-4)
    assert {one.kind for one in found.judged if one.reached} == reached  # as the world was made


@pytest.mark.parametrize("kind", ["content", "motion"])
def test_a_pair_scores_as_it_does_in_the_audit(audit: Audit, kind: str) -> None:
    rows = rows_of(audit, f"retrieve/{MODEL}.parquet", "motion.mp4").filter(pl.col("kind") == kind, pl.col("rank") == 1)
    row = rows.row(0, named=True)
    found = compare(audit.generated / "motion.mp4", audit.corpus / row["ref_id"], audit=audit.results)
    part = found.content if kind == "content" else found.motion
    assert found.background == HELDOUT and part is not None
    assert part.normalised == pytest.approx(row["content_normalised" if kind == "content" else "score"], abs=1e-5)
    spans = (part.a_start_s, part.a_end_s, part.b_start_s, part.b_end_s)
    assert spans == tuple(row[c] for c in ("gen_start_s", "gen_end_s", "ref_start_s", "ref_end_s"))
    assert {one.kind for one in found.judged if one.reached} == ({"motion"} if kind == "motion" else set())


def test_a_clip_of_the_background_is_not_held_against_itself(audit: Audit) -> None:
    found = compare(audit.heldout / "held0.mp4", audit.heldout / "held0.mp4", audit=audit.results)
    assert found.background == HELDOUT - 1 and found.content.gsscd_max == pytest.approx(1.0)
    assert [one.reached for one in found.judged if one.kind == "content"] == [True]


def test_captions_come_with_the_clips_and_steer_no_terminal(audit: Audit) -> None:
    found = find(audit.results, audit.corpus / "clip2.mp4", top=1)
    assert found.content[0].caption == CAPTION and found.content[0].path == "clip2.mp4"
    shown = show.found(found)
    assert "\x1b" not in shown and "[bold]with" in shown and "<script>" in shown


def test_as_many_clips_are_shown_as_are_asked_for(audit: Audit) -> None:
    found = find(audit.results, audit.generated / "own.mp4", top=CORPUS + 10)
    assert [m.rank for m in found.content] == list(range(1, CORPUS + 1))
    with pytest.raises(Failure, match="top must be at least 1"):
        find(audit.results, audit.generated / "own.mp4", top=0)


def test_an_audit_of_the_corpus_alone_can_be_searched(audit: Audit, tmp_path: Path) -> None:
    for part in ("corpus/corpus.parquet", "features/corpus"):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / part).symlink_to(audit.results / part)
    found = find(tmp_path, audit.generated / "copy.mp4", top=2)
    assert found.content[0].item_id == "clip0.mp4" and found.motion[0].item_id == "clip0.mp4"
    assert found.content[0].scores["content_normalised"] is None and found.judged == []
    with pytest.raises(Failure, match="no model 'theirs'; it has thresholds of none"):
        find(tmp_path, audit.generated / "copy.mp4", model=MODEL)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["search", "clips", "generated/own.mp4"], "clips: no audit with features of its corpus"),
        (["search", "results/mine", "nowhere.mp4"], "nowhere.mp4: file not found"),
        (["search", "results/mine", "generated/own.mp4", "--model", "wan"], "no model 'wan'; there are theirs"),
        (["compare", "generated/own.mp4", "generated/own.mp4", "--audit", "none"], "none: no audit"),
    ],
)
def test_what_is_no_audit_is_one_line(vidmem_in: Callable[..., Result], arguments: list[str], said: str) -> None:
    done = vidmem_in(*arguments)
    assert done.exit_code == 1 and not done.stdout
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("vidmem: ")]
    assert said in line


def test_a_search_is_drawn_with_the_clips_that_it_found(audit: Audit, vidmem_in: Callable[..., Result]) -> None:
    one, two = "a/strip.png", "strip.webp"
    done = vidmem_in("search", "results/mine", "generated/copy.mp4", "--top", "2", "--out", one)
    assert done.stdout.endswith(f"picture: {one}\n")
    picture = Image.open(one).convert("RGB")
    assert set(MARKS.values()) <= {colour for _, colour in picture.getcolors(1 << 24) or ()}
    top = strip_rows(picture)  # the copy and its original look alike, column by column
    assert np.abs(top[0] - top[1]).mean() < 3 < np.abs(top[0] - top[2]).mean()
    found = vidmem_in("search", "results/mine/features/corpus", "generated/own.mp4", "--out", two, "--json")
    assert json.loads(found.stdout)["picture"] == two and Image.open(two).width == picture.width


def strip_rows(picture: Image.Image) -> list[np.ndarray]:
    """The first rows of strips of a picture, without their labels: those of the first match, then of the next."""
    pixels = np.asarray(picture, np.int64)[:, MARGIN + ROOM : -MARGIN]
    full = (pixels == np.array(MARKS["content"])).all(-1).mean(1) > 0.5  # the outlines' upper and lower edges
    edges = np.flatnonzero(np.diff(full.astype(int)) == 1) + 1
    return [pixels[edges[n] : edges[n] + WIDTH - 6] for n in range(0, len(edges), 2)]


def test_a_clip_whose_file_has_gone_is_drawn_from_what_the_audit_keeps(audit: Audit, tmp_path: Path) -> None:
    found = find(audit.results, audit.generated / "copy.mp4", top=1)
    whole = draw_found(found, tmp_path / "whole.png")
    gone = audit.corpus / "clip0.mp4"
    gone.rename(gone.with_suffix(".kept"))
    try:
        kept = draw_found(found, tmp_path / "kept.png")
    finally:
        gone.with_suffix(".kept").rename(gone)
    query, clip, *_ = strip_rows(Image.open(kept).convert("RGB"))
    assert np.ptp(clip[40:60, 40:60], axis=-1).max() == 0 < np.ptp(query[40:60, 40:60], axis=-1).max()  # grey, colour
    assert np.corrcoef(query.mean(-1).ravel(), clip.mean(-1).ravel())[0, 1] > 0.8
    assert Image.open(whole).width == Image.open(kept).width


@pytest.mark.parametrize("command", ["compare", "search"])
def test_a_picture_that_cant_be_written_is_refused_before_anything_is_worked_out(
    vidmem_in: Callable[..., Result], command: str
) -> None:
    first = "results/mine" if command == "search" else "generated/own.mp4"
    done = vidmem_in(command, first, "generated/own.mp4", "--out", "strip.gif")
    assert (done.exit_code, done.stdout) == (1, "") and done.stderr.count("\n") == 1
    assert done.stderr.startswith("vidmem: strip.gif: pictures are written as .png")


def test_json_is_what_the_function_gives_and_the_audit_stays_as_it_was(
    audit: Audit, vidmem_in: Callable[..., Result]
) -> None:
    before = {p: p.stat().st_mtime_ns for p in audit.results.rglob("*")}
    printed = json.loads(vidmem_in("search", "results/mine", "generated/copy.mp4", "--json").stdout)
    found: dict[str, Any] = find("results/mine", "generated/copy.mp4").to_dict()
    assert printed == {**json.loads(json.dumps(found)), "picture": None}
    assert {p: p.stat().st_mtime_ns for p in audit.results.rglob("*")} == before


@pytest.mark.parametrize("chunks", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_kin_of_the_background_are_the_audits_own_relatives(tmp_path: Path, seed: int, chunks: int) -> None:
    rng = np.random.default_rng(seed)
    contents = rng.normal(size=(12, 8)).astype(np.float32)
    contents /= np.linalg.norm(contents, axis=1, keepdims=True)
    clips = {f"c{n:02d}": contents[rng.integers(0, 12, rng.integers(1, 4))] for n in range(20)}  # some share a frame
    items = [{"item_id": i, "same_as": i, "caption": f"about {n % 15}", "status": "ok"} for n, i in enumerate(clips)]
    tables.write_table(tmp_path / "manifest.parquet", items, tables.MANIFEST)
    paths = [tmp_path / f"{n}.parquet" for n in range(chunks)]
    for n, path in enumerate(paths):
        write_frames(path, {name: clips[name] for name in list(clips)[n::chunks]})
    held = set(list(clips)[:7])
    every = relatives(tmp_path / "manifest.parquet", paths, 0.9)
    expected = {item: kin & held for item, kin in every.items()}
    assert kin_of_background(tmp_path / "manifest.parquet", paths, held, 0.9) == expected
    assert any(len(kin) > 1 for kin in expected.values())


def write_frames(path: Path, clips: dict[str, np.ndarray]) -> None:
    rows = [(name, n, vector) for name, vectors in clips.items() for n, vector in enumerate(vectors)]
    columns = {
        "video_id": [name for name, _, _ in rows],
        "frame": [n for _, n, _ in rows],
        "time_s": [n / 4 for _, n, _ in rows],
        "vector": np.concatenate([vector for _, _, vector in rows]),
        "thumbnail": [bytes(tables.THUMBNAIL_BYTES) for _ in rows],
        "picture": [bytes(tables.PICTURE_BYTES) for _ in rows],
    }
    tables.write_table(path, columns, tables.frames_schema(8))


def examples() -> Iterator[tuple[str, str]]:
    """Commands of the guide, and what it says that they print."""
    for block in re.findall(r"^```console\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        for command in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, output = command.partition("\n")
            yield line, output


def test_the_examples_of_the_guide_print_what_it_says(audit: Audit, vidmem_in: Callable[..., Result]) -> None:
    Path("typo.yaml").write_text("audit: a\ncorpus: {foldre: x}\n", encoding="utf-8")
    checker, flags = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    commands = list(examples())
    assert len(commands) >= 9
    for line, expected in commands:
        program, *arguments = shlex.split(line)
        assert program == "vidmem"
        done = vidmem_in(*arguments)
        said = "" if done.exit_code == 0 and arguments[0] != "init" else done.stderr
        assert checker.check_output(expected, said + done.stdout, flags), f"{line}\n{said}{done.stdout}"
    assert Image.open("pair.png").width > 500
    (code,) = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own guide
    assert names["best"].item_id == "clip0.mp4" and names["pair"].content.gsscd_max > 0.99


def test_the_guide_names_every_command_and_exit_code() -> None:
    from vidmem.cli import errors

    text = GUIDE.read_text(encoding="utf-8")
    for command in app.registered_commands:
        name = command.name or (command.callback.__name__ if command.callback else "")
        assert f"| `vidmem {name}" in text
    for code in (errors.OK, errors.CANNOT, errors.USAGE, errors.MISSING, errors.INTERRUPTED):
        assert f"\n| {code} |" in text


DOCTESTS = {"vidmem.cli.check": ROOT, "vidmem.cli.compare": ROOT, "vidmem.cli.find": None}  # and where: None: beside it


@pytest.mark.parametrize("module", DOCTESTS)
def test_the_examples_in_the_code_hold(audit: Audit, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.chdir(DOCTESTS[module] or audit.results.parents[1])
    done = doctest.testmod(importlib.import_module(module))
    assert done.attempted >= 4 and done.failed == 0


def test_no_example_in_the_code_is_left_out() -> None:
    source = ROOT / "src"
    having = [path for path in source.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8")]
    assert {".".join(path.relative_to(source).with_suffix("").parts) for path in having} == set(DOCTESTS)
