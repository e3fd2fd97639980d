"""What all pages share: the templates with their filters, the style, the scripts, and the policy that binds them."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from vidmem.report import words
from vidmem.report.cells import part
from vidmem.report.thresholds import KINDS

TEMPLATES = Path(__file__).parent / "templates"


def environment() -> jinja2.Environment:
    """Templates that escape everything and know no undefined names."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("vidmem.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters.update(words.FILTERS)
    made.globals.update(interval=words.interval, when=words.when, part=part, kinds=KINDS)
    return made


def frame_of(scripts: tuple[str, ...] = (), styles: tuple[str, ...] = ("style.css",)) -> dict[str, Any]:
    """The page's own style and script, inline, and a policy that lets these run and nothing else.

    A page loads pictures and films that lie beside it, `file:` where it is opened from disk: browsers count no file as
    of the page's own origin.
    """
    script, style = ("\n".join(_source(name) for name in names) for names in (scripts, styles))
    policy = (
        f"default-src 'none'; img-src 'self' file: data:; media-src 'self' file:; style-src '{_hash(style)}'; "
        f"script-src {f"'{_hash(script)}'" if script else "'none'"}; base-uri 'none'; form-action 'none'"
    )
    return {"style": Markup(style), "script": Markup(script), "policy": Markup(policy)}  # noqa: S704 - our own files


def _source(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
