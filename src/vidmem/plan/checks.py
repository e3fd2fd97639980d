"""Faults of an audit that show before anything runs: one line each, before hours of work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vidmem.config import Audit, ConfigError
from vidmem.config.corpus import Folder, FolderSource, Source, WebDatasetSource, WebVidSource
from vidmem.config.models import KNOWN, Command, Diffusers, Oracle, Planted, Replay, Videos
from vidmem.lenient import iter_lenient_table
from vidmem.plan.models import check_command, check_pipeline, nearest_folder
from vidmem.promptlist import read_prompt_list
from vidmem.userfiles import count_media, find_captions, find_shards


def set_sizes(audit: Audit, imported: int) -> dict[str, int]:
    """Most prompts of each set."""
    return {**audit.prompts.sizes, "imported": imported}


def sources_of(audit: Audit, side: str) -> dict[str, Source]:
    """What the user's corpus, or the held-out clips, are read from, by name; the short form has the side's name."""
    corpus = audit.corpus
    if side == "corpus" and corpus.sources:
        return dict(corpus.sources)
    if side == "heldout":
        assert corpus.heldout is not None
        return {side: corpus.heldout}
    assert corpus.folder is not None
    return {side: FolderSource(folder=corpus.folder, captions=corpus.captions, columns=corpus.columns)}


def check_files(audit: Audit) -> dict[str, int]:
    """Check that all that the config names is there, and count it: imported prompts, and videos by model.

    Raises `ConfigError` with one line that names the key.
    """
    if audit.corpus.kind == "folder":
        for name, source in sources_of(audit, "corpus").items():
            _check_source(f"corpus.sources.{name}" if audit.corpus.sources else "corpus", source)
        if audit.corpus.heldout:
            _check_source("corpus.heldout", audit.corpus.heldout)
    counts = {"imported": _count_prompts(audit.prompts.imported) if audit.prompts.imported else 0}
    for name in audit.models:
        counts[name] = _check_model(audit, name, counts["imported"])
        _check_window(audit, name)
    return counts


def _check_window(audit: Audit, name: str) -> None:
    """A model whose clips are all shorter than the motion window would never be judged by motion."""
    section, rate_hz, window = audit.models[name], audit.features.flow.rate_hz, audit.retrieve.window
    if not isinstance(section, Diffusers | Planted | Oracle) or section.frames is None or section.frames < 2:
        return
    fields = int((section.frames - 1) / section.fps * rate_hz + 0.5)
    if fields < window:
        raise ConfigError(
            f"retrieve.window: {window} flow fields, but clips of models.{name} ({section.frames} frames at "
            f"{section.fps:g} a second) have {fields} at features.flow.rate_hz {rate_hz:g}: "
            f"set the window to {max(fields, 1)} or less, or raise the rate"
        )


def _check_source(key: str, source: Source) -> None:
    """That a source is there and is what it says, by its first row or file: no folder of videos is walked here."""
    if isinstance(source, FolderSource):
        _check_folder(key, source)
        return
    folder = _must_be_folder(f"{key}.folder", source.folder)
    if isinstance(source, WebVidSource):
        _must_be_file(f"{key}.table", source.table)
        _check_table(f"{key}.table", Path(source.table).expanduser(), (source.id, source.caption))
        return
    suffix = ".tar" if isinstance(source, WebDatasetSource) else ".parquet"
    if not find_shards(folder, suffix):
        raise ConfigError(f"{key}.folder: {source.folder!r} holds no {suffix} files")


def _check_table(key: str, table: Path, columns: Sequence[str] = ()) -> None:
    """That a table has a row, and these columns."""
    try:
        first = next(iter_lenient_table(table), None)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from None
    if first is None:
        raise ConfigError(f"{key}: '{table}' has no rows; remove it if there are no captions")
    lacking = [name for name in columns if first.cells and name not in first.cells]
    if lacking:
        raise ConfigError(f"{key}: '{table}' has no column {lacking[0]!r}; there are {', '.join(first.cells)}")


def _check_folder(key: str, section: Folder) -> None:
    _count_folder(f"{key}.folder", section.folder)
    if section.captions:
        _must_be_file(f"{key}.captions", section.captions)
    table = (
        Path(section.captions).expanduser() if section.captions else find_captions(Path(section.folder).expanduser())
    )
    if table is not None:
        _check_table(f"{key}.captions", table)


def _count_prompts(imported: str) -> int:
    _must_be_file("prompts.imported", imported)
    try:
        return len(read_prompt_list(Path(imported).expanduser()))
    except ValueError as error:
        raise ConfigError(f"prompts.imported: {error}") from None


def _check_model(audit: Audit, name: str, imported: int) -> int:
    section = audit.models[name]
    if isinstance(section, Videos):
        if section.prompts:
            _must_be_file(f"models.{name}.prompts", section.prompts)
            _check_table(f"models.{name}.prompts", Path(section.prompts).expanduser())
        return _count_folder(f"models.{name}.folder", section.folder)
    if section.kind in KNOWN and audit.corpus.kind != "made":
        raise ConfigError(
            f"models.{name}.kind: {section.kind!r} needs `corpus.kind: made`: its truth is known only there"
        )
    if isinstance(section, Replay):
        return section.copies + section.unrelated
    if isinstance(section, Diffusers):
        check_pipeline(name, section)
    if isinstance(section, Command):
        check_command(name, section)
    if isinstance(section, Diffusers | Command):
        if section.condition == "image" and section.images == "heldout" and audit.corpus.heldout is None:
            raise ConfigError(f"models.{name}.images: 'heldout' needs `corpus.heldout`: the folder of those clips")
        if not section.prompted:
            return 0
    sizes = set_sizes(audit, imported)
    if not any(sizes[which] for which in section.prompt_sets):
        raise ConfigError(f"models.{name}.prompt_sets: all of these sets have size 0 under `prompts`")
    return 0


def _count_folder(key: str, folder: str) -> int:
    count = count_media(_must_be_folder(key, folder))
    if not count:
        raise ConfigError(f"{key}: {folder!r} holds no videos or images")
    return count


def _must_be_folder(key: str, folder: str) -> Path:
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise ConfigError(f"{key}: {folder!r} is not a folder{nearest_folder(path)}")
    return path


def _must_be_file(key: str, path: str) -> None:
    if not Path(path).expanduser().is_file():
        raise ConfigError(f"{key}: {path!r} is not a file")
