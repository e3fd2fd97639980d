"""The pages for people: their links lead somewhere, their configs are right, and what they name of the code exists."""

from __future__ import annotations

import csv
import importlib
import importlib.util
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from vidmem.config.audit import Audit
from vidmem.plan import Plan

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
HOWTO = sorted((ROOT / "docs" / "howto").glob("*.md"))
COMMIT = "0123456789abcdef" * 2 + "01234567"
FILES = {"vidmem.sif"}  # what looks like a module and is a file that a command makes
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def blocks(page: Path, language: str) -> list[str]:
    return [body for tag, body in FENCE.findall(page.read_text(encoding="utf-8")) if tag == language]


def anchors(page: Path) -> set[str]:
    """The ids that headings get: lower case, no punctuation, spaces as hyphens, -1, -2, ... on those that repeat."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        taken = (f"{slug}-{n}" if n else slug for n in itertools.count())
        found.add(next(one for one in taken if one not in found))
    return found


def broken_links(page: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        known = file.is_relative_to(ROOT) and file.exists()
        if not known or (anchor and anchor not in anchors(file)):
            yield target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_relative_links_lead_to_a_file_and_to_a_heading(page: Path) -> None:
    assert list(broken_links(page)) == []


def test_a_link_to_nowhere_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "# It's here, twice\n## It's here, twice\n[a](#its-here-twice) [b](#its-here-twice-1) [c](#gone)\n"
        "[d](page.md) [e](gone.md) [f](../page.md) [g](https://a.example/)\n```\n[h](gone.md)\n```\n",
        encoding="utf-8",
    )
    assert list(broken_links(page)) == ["#gone", "gone.md", "../page.md"]


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / target).resolve() for target in re.findall(r"\]\(([^)#\s]+)\)", prose(index))}
    assert set(PAGES) - {index, ROOT / "README.md"} <= listed


def exists(dotted: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        try:
            if importlib.util.find_spec(".".join(parts[:count])) is None:
                continue
        except ModuleNotFoundError:
            continue
        if count == len(parts):
            return True
        found: Any = importlib.import_module(".".join(parts[:count]))
        for part in parts[count:]:
            found = getattr(found, part, None)
        return found is not None
    return False


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_dotted_names_of_the_library_exist(page: Path) -> None:
    named = set(re.findall(r"(?<![\w/.-])vidmem(?:\.[A-Za-z_]\w*)+", page.read_text(encoding="utf-8"))) - FILES
    assert [one for one in sorted(named) if not exists(one)] == []


def test_a_name_that_is_not_there_is_told_from_one_that_is() -> None:
    assert exists("vidmem.plan") and exists("vidmem.cli.check.Checked") and exists("vidmem.compare")
    assert (
        not exists("vidmem.plans") and not exists("vidmem.cli.check.Chequed") and not exists("vidmem.plan.cost.cost.a")
    )


def spelled_out(path: str) -> list[str]:
    """A path with braces as the shell would have it."""
    braces = re.search(r"\{([^{}]*)\}", path)
    if not braces:
        return [path]
    return [
        spelled
        for part in braces.group(1).split(",")
        for spelled in spelled_out(path[: braces.start()] + part + path[braces.end() :])
    ]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_paths_into_the_code_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w/.-])(?:src|tests|workflow|bench|profiles|envs)/[\w./{},*-]*", text))
    paths = [spelled for path in named for spelled in spelled_out(path.rstrip("/.,"))]
    assert [path for path in sorted(paths) if not any(ROOT.glob(path))] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_tests_that_a_page_names_exist(page: Path) -> None:
    named = set(re.findall(r"\btest_\w+", page.read_text(encoding="utf-8")))
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    known = {file.stem for file in files}
    known |= {test for file in files for test in re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8"))}
    assert sorted(named - known) == []


@pytest.mark.parametrize("page", [page for page in HOWTO if page.name.startswith("add-")], ids=name)
def test_code_in_a_how_to_is_the_code_as_it_is(page: Path) -> None:
    code = [p.read_text(encoding="utf-8") for part in ("src", "tests") for p in sorted((ROOT / part).rglob("*.py"))]
    shown = blocks(page, "python")
    assert shown and [block for block in shown if not any(block in text for text in code)] == []


KEYS = {  # `section.key`, as the generated handbook lists them
    f"{section}.{key}"
    for section, body in re.findall(
        r"^## `([\w.]+)`.*?\n(.*?)(?=^## |\Z)", (ROOT / "config" / "README.md").read_text(encoding="utf-8"), re.M | re.S
    )
    for key in re.findall(r"^\| `(\w+)` \|", body, re.M)
}
SECTIONS = "|".join(Audit.model_fields)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_keys_of_the_config_that_a_page_names_exist(page: Path) -> None:
    named = re.findall(rf"`((?:{SECTIONS})(?:\.[a-z_]+)+)(?=[`:\[])", prose(page))
    files = (".py", ".md", ".parquet", ".csv", ".yaml", ".jsonl")
    assert sorted(one for one in set(named) if not one.endswith(files) and one not in KEYS) == []


def audits() -> list[Any]:
    found = []
    for page in HOWTO:
        texts = [text for text in blocks(page, "yaml") if text.startswith("audit:")]
        found += [pytest.param(text, id=f"{page.stem}-{n}") for n, text in enumerate(texts, 1)]
    return found


def at_home(section: Any, home: Path, key: str = "") -> Any:
    """The config with its paths of folders and tables made under `home`."""
    if isinstance(section, Mapping):
        return {name: at_home(value, home, str(name)) for name, value in section.items()}
    if not isinstance(section, str) or not section.startswith("/"):
        return section
    path = home / section.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["path", "caption", "prompt", "seed"], ["a.mp4", "a dog", "a dog", "0"]])
    else:
        path.mkdir(exist_ok=True)
        (path / "a.mp4").write_bytes(b"x")
        if key == "source":
            (path / "model_index.json").write_text(json.dumps({"_class_name": "WanPipeline"}), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("text", audits())
def test_configs_of_the_how_tos_can_be_planned(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    config = at_home(yaml.safe_load(text.replace("<commit>", COMMIT)), tmp_path)
    plan = Plan(config)
    assert plan.name == config["audit"] and list(plan.audit.models) == list(config.get("models", {}))


def test_every_how_to_about_an_audit_shows_one() -> None:
    shown = {page.stem for page in HOWTO if any(t.startswith("audit:") for t in blocks(page, "yaml"))}
    assert {"own-videos", "closed-model", "hub-model"} <= shown
