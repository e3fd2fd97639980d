"""The report from what the workflow's plan says about its files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidmem.report.build import build_report
from vidmem.report.inputs import Compared, FeatureFiles, MitigationFiles, ModelFiles, ReportInputs, Side, VideoShard


def report_from_plan(
    *,
    audit: str,
    files: Mapping[str, Any],
    settings: Mapping[str, Any],
    manifest: Path,
    prompts: Path,
    out: Path,
    summary: Path,
    parts: Mapping[str, Path] | None = None,
) -> dict[str, Any]:
    """Build the report from `Plan.report_files()`, whose `benchmarks` is a folder with one subfolder a stage.

    `parts`: folders that get the report's files of a suffix once more, for who collects these one by one.
    """
    inputs = ReportInputs(
        audit=audit,
        config=settings["config"],
        manifest=manifest,
        corpus_root=files["corpus_root"],
        prompts=prompts,
        models={name: _model(entry) for name, entry in files["models"].items()},
        features={
            "corpus": _features(files["corpus_features"]),
            **{name: _features(entry["features"]) for name, entry in files["models"].items()},
        },
        benchmarks=_benchmarks(Path(files["benchmarks"])),
        transfer=Path(files["transfer"]) if files["transfer"] else None,
        effective_size=Path(files["effective_size"]) if files["effective_size"] else None,
        datasets={name: Path(p) for name, p in files["datasets"].items()},
        mitigate={name: _mitigation(entry) for name, entry in files["mitigate"].items()},
        duplicates=Path(files["duplicates"]) if files["duplicates"] else None,
        compare=[_side(name, entry) for name, entry in files["compare"].items()],
    )
    section = {k: v for k, v in settings.items() if k not in ("code", "config", "version")}
    found = build_report(inputs, section, out, summary)
    for suffix, folder in (parts or {}).items():
        _gather(out, suffix, folder)
    return found


def _gather(out: Path, suffix: str, folder: Path) -> None:
    """Copy the report's figures or tables of a suffix to `folder`, and nothing that an earlier report left there."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in [*folder.glob(f"*{suffix}")]:
        path.unlink()
    for path in sorted([*(out / "figures").glob(f"*{suffix}"), *(out / "tables").glob(f"*{suffix}")]):
        shutil.copyfile(path, folder / path.name)


def _model(entry: Mapping[str, Any]) -> ModelFiles:
    root = Path(entry["root"])
    return ModelFiles(
        videos=[VideoShard(Path(p), root) for p in entry["videos"]],
        matches=Path(entry["retrieve"]),
        metrics=Path(entry["metrics"]),
        detect=Path(entry["detect"]),
        truth=Path(entry["truth"]) if entry["truth"] else None,
        signals=[Path(p) for p in entry["signals"]],
    )


def _side(audit: str, entry: Mapping[str, Any]) -> Side:
    videos = {name: [Path(p) for p in paths] for name, paths in entry["videos"].items()}
    return Side(audit, {name: Path(p) for name, p in entry["metrics"].items()}, Path(entry["prompts"]), videos)


def _mitigation(entry: Mapping[str, Any]) -> MitigationFiles:
    branches = {name: _compared(branch) for name, branch in entry["branches"].items()}
    return MitigationFiles(Path(entry["table"]), Path(entry["prompts"]), _compared(entry["base"]), branches)


def _compared(entry: Mapping[str, Any]) -> Compared:
    root = Path(entry["root"])
    return Compared([VideoShard(Path(p), root) for p in entry["videos"]], [Path(p) for p in entry["benchmarks"]])


def _features(entry: Mapping[str, Any]) -> FeatureFiles:
    paths = {key: [Path(p) for p in entry[key]] for key in ("frames", "flow", "items")}
    return FeatureFiles(items=paths["items"], frames=paths["frames"], flow=paths["flow"])


def _benchmarks(folder: Path) -> dict[str, list[Path]]:
    stages = sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []
    return {stage.name: sorted(stage.rglob("*.tsv")) for stage in stages if stage.name != "report"}
