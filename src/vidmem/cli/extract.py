"""Features of a few videos by name, by the code of the stage `features` and without a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.cli.errors import Failure, one_line
from vidmem.config.features import Features
from vidmem.config.media import Limits
from vidmem.features import extract_features
from vidmem.features.weights import WeightsError

THREADS = 1  # more change the last digits of scores
SCHEMA = {"video_id": pl.String, "corpus": pl.String, "path": pl.String, "offset": pl.Int64, "size": pl.Int64}


@dataclass(frozen=True)
class FeatureTables:
    """Paths of `tables.frames_schema`, `tables.flow_schema` and `tables.FEATURE_ITEMS` of some videos."""

    frames: Path
    flow: Path
    items: Path


def default_settings() -> dict[str, Any]:
    """Settings of the features as an audit has them unless its config says otherwise."""
    return Features().model_dump()


def extract(files: Mapping[str, str | Path], settings: Mapping[str, Any], folder: Path) -> FeatureTables:
    """Write the features of `files` (paths by the id that they get) as tables into `folder`.

    `settings` is a dump of `config.features.Features`; networks run on the CPU, which any machine has. Raises
    `Failure`, one line, for a file that can't be compared.
    """
    here = {part: {k: v for k, v in settings[part].items() if k != "device"} for part in ("frames", "flow")}
    paths = {name: Path(path).expanduser().resolve() for name, path in files.items()}
    rows = [(name, name, path.name, None, None) for name, path in paths.items()]
    found = FeatureTables(*(folder / f"{name}.parquet" for name in ("frames", "flow", "items")))
    try:
        extract_features(
            pl.DataFrame(rows, schema=SCHEMA, orient="row"),
            {name: path.parent for name, path in paths.items()},
            {**settings, **here, "max_loss": 1.0},  # what is lost is said below, by the name it was given
            limits=Limits(),
            threads=THREADS,
            out_frames=found.frames,
            out_flow=found.flow,
            out_items=found.items,
        )
    except WeightsError as error:
        raise Failure(one_line(error)) from None
    for name, status, reason in tables.read_table(found.items, ["video_id", "status", "reason"]).iter_rows():
        if status != tables.OK:
            raise Failure(f"{files[name]}: {reason}")
    return found
