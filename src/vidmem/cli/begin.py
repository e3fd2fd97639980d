"""A config to begin with: folders and models as they were named, written with the reasons beside the keys.

What is written passes `check`; what would not is refused before a file is made.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from vidmem.cli.errors import Failure, one_line
from vidmem.cli.layout import Layout, detect_layout
from vidmem.config import ConfigError
from vidmem.config.base import NAME_PATTERN
from vidmem.config.registry import read_registry
from vidmem.plan import Plan
from vidmem.userfiles import TABLE_SUFFIXES

COMMIT = re.compile(r"^[0-9a-f]{40}$")
ITEMS_A_PROBE, ITEMS_A_FEATURE_JOB = 10_000, 2_000  # as docs/corpora.md and the handbook advise


@dataclass(frozen=True)
class Answers:
    """What a config is made of. `models` are sections of `models` by name, `layouts` what the folders hold."""

    audit: str
    corpus: Layout
    heldout: Layout | None = None
    models: dict[str, dict[str, Any]] = field(default_factory=dict)


def answers(
    audit: str,
    corpus: str | Path,
    *,
    captions: str | Path | None = None,
    heldout: str | Path | None = None,
    videos: Sequence[str] = (),
    models: Sequence[str] = (),
) -> Answers:
    """What was asked for, with the layouts of the folders looked up.

    `videos`: `NAME=FOLDER` of videos that a model made, or the folder alone; `models`: `NAME=SOURCE` of models to
    sample from, or the source alone (see `model_section`). Raises `Failure`, one line, for a folder that holds nothing.
    """
    if not re.match(NAME_PATTERN, audit):
        raise Failure(f"name {audit!r}: use letters, digits, '-' and '_'")
    sections: dict[str, dict[str, Any]] = {}
    for text, made in [*((v, videos_section) for v in videos), *((m, model_section) for m in models)]:
        name, what = _named(text)
        if name in sections:
            raise Failure(f"model {name!r} is named twice; give each a name of its own: NAME={what}")
        sections[name] = made(what)
    return Answers(
        audit, detect_layout(corpus, captions), None if heldout is None else detect_layout(heldout), sections
    )


def _named(text: str) -> tuple[str, str]:
    """Name and source of `NAME=SOURCE`; of a source alone the name is its last part."""
    name, sign, what = text.partition("=")
    if sign and re.match(NAME_PATTERN, name) and what:
        return name, what
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(text.split("@")[0]).expanduser().absolute().name).strip("-_")
    return stem[:64] or "model", text


def videos_section(folder: str) -> dict[str, Any]:
    """The section of a folder of generated videos; a table `prompts.*` in it says what each was made from."""
    root = Path(folder).expanduser().absolute()
    table = next((p for s in TABLE_SUFFIXES if (p := root / f"prompts{s}").is_file()), None)
    return {"kind": "videos", "folder": str(root), **({"prompts": str(table)} if table else {})}


def model_section(source: str) -> dict[str, Any]:
    """The section of a model to sample from: `PRESET`, `PRESET@FOLDER`, `PRESET@COMMIT`, `FOLDER`, `OWNER/NAME@COMMIT`.

    A preset is an entry of config/models.yaml; a folder is one of diffusers (with a model_index.json); a commit is one
    of the hub repository, 40 hex digits.
    """
    what, _, where = source.partition("@")
    if what in read_registry():
        pinned: dict[str, Any] = {"revision": where} if COMMIT.match(where) else {"source": _folder(where)}
        return {"preset": what, **(pinned if where else {})}
    if COMMIT.match(where):
        return {"kind": "diffusers", "source": what, "revision": where}
    if Path(source).expanduser().is_dir():
        return {"kind": "diffusers", "source": _folder(source)}
    raise Failure(
        f"model {source!r}: no preset, no folder and no pinned hub id (owner/name@commit); "
        f"presets are {', '.join(sorted(read_registry()))}"
    )


def _folder(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def config_text(wanted: Answers, file: str) -> str:
    """The config as commented YAML, which names the `file` that it will be.

    Raises `Failure`, one line, for one that would not pass `check`.
    """
    text = "\n".join([*_head(wanted, file), *_corpus(wanted), "", *_models(wanted), *_rest(wanted)]) + "\n"
    try:
        Plan(yaml.safe_load(text))
    except (ConfigError, ValueError) as error:
        raise Failure(one_line(error)) from None
    return text


def write_config(text: str, out: Path, overwrite: bool = False) -> None:
    """Write the text to a file that isn't there yet, or over one. Raises `Failure` where that can't be done."""
    if out.exists() and not overwrite:
        raise Failure(f"{out}: is there already; choose another name, or --force to write over it")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{out}: can't be written ({error.strerror or error})") from None


def _head(wanted: Answers, file: str) -> list[str]:
    file = shlex.quote(file) if file.isprintable() else "THIS_FILE"
    return [
        "# An audit, as `vidmem init` wrote it. Every key, its values and its default: config/README.md.",
        f"#   vidmem check {file} # what would run, and what it takes",
        f"#   snakemake --cores 8 --configfile {file} # run it; stop and go on at any time",
        f"audit: {yaml_line(wanted.audit)} # results go to results/{wanted.audit}/",
        "",
    ]


def _corpus(wanted: Answers) -> list[str]:
    """The corpus: a folder in the short form, any other layout as a source."""
    corpus = wanted.corpus
    lines = ["corpus:", f"  # what the model may have memorised: {corpus.says}"]
    lines += [f"  # not read: {besides}" for besides in corpus.besides]
    if corpus.kind == "folder":
        lines += _keys(corpus.settings, 2)
        if "captions" not in corpus.settings:
            lines.append("  # captions: captions.csv # a table with columns path, caption; prompts are made of them")
    else:
        lines += ["  sources:", f"    {corpus.kind}: # the name stands before its ids; more sources may follow"]
        lines += _keys({"kind": corpus.kind, **corpus.settings}, 6)
    lines += _heldout(wanted.heldout)
    count = corpus.items or 0
    if count > ITEMS_A_PROBE:
        lines.append(f"  chunks: {-(-count // ITEMS_A_PROBE)} # jobs that decode the files once each")
    elif corpus.items is None:
        lines.append(f"  # chunks: 1 # jobs that decode the files once each; one for about {ITEMS_A_PROBE:,} items")
    return lines


def _heldout(heldout: Layout | None) -> list[str]:
    if heldout is None:
        return [
            "  # clips like these that the model can't have seen: sharper thresholds (99 and more state 1 %)",
            "  # heldout: {folder: /data/heldout}",
        ]
    lines = [f"  heldout: # clips that the model can't have seen: {heldout.says}"]
    kind = {} if heldout.kind == "folder" else {"kind": heldout.kind}
    return [*lines, *_keys({**kind, **heldout.settings}, 4)]


def _models(wanted: Answers) -> list[str]:
    if not wanted.models:
        return [
            "# Without models the audit ends with the prompts that are most prone to trigger memorisation.",
            "# models:",
            "#   theirs: {kind: videos, folder: /data/generated}",
            "#   wan: {preset: wan2.1-t2v-1.3b, source: /weights/wan, seeds: 4} # presets: config/models.yaml",
        ]
    lines = ["models:"]
    for name, section in wanted.models.items():
        lines += [f"  {yaml_line(name)}: # {_about(section)}", *_keys(section, 4)]
        if section.get("kind") == "videos" and "prompts" not in section:
            lines.append("    # prompts: prompts.csv # a table with columns path, prompt (and seed), if they are known")
        if section.get("kind") != "videos":
            lines.append("    # seeds: 4 # videos a prompt")
    return lines


def _about(section: Mapping[str, Any]) -> str:
    if section.get("kind") == "videos":
        return "videos that were made already"
    if "preset" in section:
        return "sampled here, at the settings of config/models.yaml; any key beside the preset wins"
    return "sampled here; frames, width, height, fps, steps and guidance_scale are the pipeline's own unless given"


def _rest(wanted: Answers) -> list[str]:
    """Sections that are most often changed, as they are by default."""
    lines = [""]
    if any(section.get("kind") != "videos" for section in wanted.models.values()) or not wanted.models:
        lines += ["# prompts: # how many of each set are asked; docs/prompts.md"]
        lines += ["#   video_duplicated: 200", "#   random_train: 100", "#   control: 100", ""]
    count = wanted.corpus.items or 0
    if count > ITEMS_A_FEATURE_JOB:
        chunks = -(-count // ITEMS_A_FEATURE_JOB)
        lines += ["features:", f"  corpus_chunks: {chunks} # jobs, of about {ITEMS_A_FEATURE_JOB:,} clips each", ""]
    lines += ["# metrics:", "#   fpr: 0.01 # the false-positive rate that thresholds are set for"]
    return lines


def _keys(settings: Mapping[str, Any], indent: int) -> list[str]:
    return [f"{' ' * indent}{key}: {yaml_line(value)}" for key, value in settings.items()]


def yaml_line(value: Any) -> str:
    """A text, or a mapping of texts, on one line of YAML, whatever it holds."""
    quoted = not isinstance(value, str) or not value.isprintable()
    style = '"' if quoted else None  # the only style that never breaks a line
    text = yaml.safe_dump(
        value, default_flow_style=True, default_style=style, width=float("inf"), allow_unicode=True, sort_keys=False
    )
    return str(text).removesuffix("\n").removesuffix("\n...")
