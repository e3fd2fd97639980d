"""Questions on a terminal, whose answers become a config. What was given as a flag is not asked again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import typer

from vidmem.cli.begin import Answers, answers, model_section, videos_section
from vidmem.cli.errors import Failure, one_line
from vidmem.cli.layout import detect_layout, many
from vidmem.userfiles import count_media


def ask(
    name: str | None, captions: Path | None, heldout: Path | None, videos: Sequence[str], models: Sequence[str]
) -> Answers:
    """What a config needs, asked for one by one; an answer that can't be used is asked for again."""
    typer.echo("A config for your audit, in a few questions. An empty answer leaves a thing out.", err=True)
    chosen = name or _answer("Name of the audit", default="mine")
    corpus = _until("Folder of the training videos or images", lambda text: _holds(text, captions))
    kept = str(heldout) if heldout else _until("Folder of clips that the model can't have seen", _holds, needed=False)
    made = list(videos) or _several("Folder of videos that a model made ([NAME=]FOLDER)", _are_videos)
    sampled = list(models) or _several("Model to sample from (preset, folder or OWNER/NAME@COMMIT)", _is_model)
    return answers(chosen, corpus, captions=captions, heldout=kept or None, videos=made, models=sampled)


def _several(question: str, usable: Callable[[str], str]) -> list[str]:
    """Answers until an empty one."""
    found: list[str] = []
    while text := _until(question if not found else f"{question}, another", usable, needed=False):
        found.append(text)
    return found


def _until(question: str, usable: Callable[[str], str], *, needed: bool = True) -> str:
    """An answer that `usable` has something to say of; asked again where it fails."""
    while True:
        text = _answer(question, default="")
        if not text and not needed:
            return ""
        try:
            typer.echo(f"  {usable(text)}", err=True)
            return text
        except Failure as error:
            typer.echo(f"  {one_line(error)}", err=True)


def _answer(question: str, default: str) -> str:
    return str(typer.prompt(question, default=default, show_default=bool(default), err=True)).strip()


def _holds(folder: str, table: Path | None = None) -> str:
    if not folder:
        raise Failure("a folder is needed")
    return detect_layout(folder, table).says


def _are_videos(text: str) -> str:
    section = videos_section(text.partition("=")[2] or text)
    folder = Path(section["folder"])
    count = count_media(folder) if folder.is_dir() else 0
    if not count:
        raise Failure(f"{folder}: no folder with videos")
    return many(count, "video") + (f", prompts in {Path(section['prompts']).name}" if "prompts" in section else "")


def _is_model(text: str) -> str:
    section = model_section(text.partition("=")[2] or text)
    return ", ".join(f"{key} {value}" for key, value in section.items())
