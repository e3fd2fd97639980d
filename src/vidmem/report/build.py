"""The report stage as one call: tables, pictures, the page and `summary.json`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidmem.report.compare import compare
from vidmem.report.compare_page import render_compare
from vidmem.report.figures import write_figures
from vidmem.report.files import make_tables, write_tables
from vidmem.report.gallery import make_cards
from vidmem.report.inputs import ReportInputs
from vidmem.report.page import render_page
from vidmem.report.prompt_pages import prompts_of, write_prompt_pages
from vidmem.report.summary import make_summary, to_json

FOLDERS = ("figures", "media", "prompts", "tables")
WRITTEN = {".webp", ".mp4", ".html", ".csv", ".parquet", ".tex", ".svg", ".pdf"}


def build_report(
    inputs: ReportInputs, settings: Mapping[str, Any], out_dir: str | Path, summary_path: str | Path | None = None
) -> dict[str, Any]:
    """Write `out_dir/{index.html,prompts/,media/,figures/,tables/}` and the summary; gives the summary.

    `settings` is the config's `report` section as a dict. The summary goes to `summary_path`, by default beside
    `out_dir`: results/<audit>/summary.json. The same inputs give the same bytes.
    """
    out, summary_file = Path(out_dir), Path(summary_path or Path(out_dir).parent / "summary.json")
    for folder in FOLDERS:
        _empty(out / folder)
    summary = make_summary(inputs)
    frames = make_tables(inputs)
    compared = compare((inputs.compare[0], inputs.compare[1]), inputs) if inputs.compare else None
    if compared:
        frames |= {"compared": compared.table, "changed": compared.changed}
    write_tables(frames, out / "tables")
    cards = make_cards(inputs, settings, out)
    prompts = prompts_of(inputs, frames["videos"], int(settings.get("prompt_pages", 500)))
    write_prompt_pages(inputs, settings, prompts, {card.finding.id for card in cards}, out / "prompts")
    pages = {prompt.prompt_id: prompt.page for prompt in prompts if prompt.page}
    page = render_page(inputs, settings, summary, frames, cards, out, pages)
    pages_written = {"index.html": page}
    if compared:
        title = str(settings.get("title", "Memorisation audit"))
        pages_written["compare.html"] = render_compare(compared, title, inputs.audit)
    else:
        (out / "compare.html").unlink(missing_ok=True)
    write_figures("".join(pages_written.values()), out / "figures")
    for name, text in pages_written.items():
        _write(out / name, text)
    _write(summary_file, to_json(summary))
    return summary


def _empty(folder: Path) -> None:
    """Remove what an earlier report left: a strip that no card shows would be a leftover of another verdict."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.suffix in WRITTEN:
            path.unlink()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    aside.write_text(text, encoding="utf-8", newline="\n")
    aside.replace(path)
