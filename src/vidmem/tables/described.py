"""Every table that the workflow writes: by which rules, where, what a row is, its key, and what made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from vidmem.tables import columns, schemas
from vidmem.tables.columns import Columns

SETTINGS = "What its rule was asked (its `params`)."
RESULTS = "results/{audit}"


@dataclass(frozen=True)
class Described:
    """One schema: `title` and what a `row` is, its `stage`, files by rule (`{name}` is what varies), key, columns,
    and the keys of the file's metadata (`made_by` of `tables.write_table`) with what each says."""

    name: str
    title: str
    row: str
    stage: str
    files: Mapping[str, tuple[str, ...]]
    key: tuple[str, ...]
    schema: pa.Schema
    columns: Columns
    made_by: Mapping[str, str] = field(default_factory=lambda: {"settings": SETTINGS})
    note: str = ""


def _generated(suffix: str) -> dict[str, tuple[str, ...]]:
    path = f"{RESULTS}/generate/{{model}}/{{chunk}}.{suffix}.parquet"
    return dict.fromkeys(("generate", "generate_command", "generate_folder"), (path,))


def _features(suffix: str) -> dict[str, tuple[str, ...]]:
    return {
        "features_corpus": (f"{RESULTS}/features/corpus/{{chunk}}.{suffix}.parquet",),
        "features_model": (f"{RESULTS}/features/{{model}}/{{chunk}}.{suffix}.parquet",),
        "features_null": (f"{RESULTS}/features/{{model}}/null.{suffix}.parquet",),
        "features_background": (f"{RESULTS}/features/heldout/background.{suffix}.parquet",),
    }


_FEATURES = {
    "settings": SETTINGS,
    "format": "Output format of the model that the clips were passed through first (null videos), or null.",
    "opencv": "Version of OpenCV.",
}
_ENGINE = {
    "engine": "Name of the engine.",
    "weights_sha256": "SHA-256 of its weights; null where it has none.",
}
_THRESHOLD = (
    "Where the line is drawn: `column` (of the matches) that is judged, `threshold` and `fpr` with their intervals, "
    "`customary`, `method`, `reason`, `null_videos`, `null_needed`, `null_scores`, and the tail's fit "
    "(`null_location`, `null_scale`, `fit_p_value`)."
)
DIM, GRID = 512, 16  # for example: what the default engines give

TABLES: tuple[Described, ...] = (
    Described(
        "MANIFEST",
        "The corpus",
        "One row an item of the corpus, or of the held-out clips, usable or not.",
        "corpus",
        {
            "corpus_list": (f"{RESULTS}/corpus/{{side}}/listing.parquet",),
            "corpus_probe": (f"{RESULTS}/corpus/{{side}}/{{chunk}}.parquet",),
            "corpus_manifest": (f"{RESULTS}/corpus/{{side}}.parquet",),
        },
        ("item_id",),
        schemas.MANIFEST,
        columns.MANIFEST,
        {
            "stage": "`corpus`.",
            "vidmem": "Version of vidmem.",
            "sources": "The listing: the settings of each source by name.",
            "decoder": "The others: name and version of the decoder.",
        },
        "`side` is `corpus` or `heldout`; of a made corpus `motion` and `unrelated` too. The listing knows names and "
        "captions, a chunk what decoding its part of the listing showed, and the manifest is the chunks put together.",
    ),
    Described(
        "DUPLICATES",
        "What stands beside each item",
        "One row an item of the corpus, in the manifest's order. Evidence that is missing is null.",
        "duplicates",
        {"duplicates": (f"{RESULTS}/duplicates/corpus.parquet",)},
        ("item_id",),
        schemas.DUPLICATES,
        columns.DUPLICATES,
        {
            "settings": SETTINGS,
            "semantic": "Whether captions of the same meaning were looked for, or why not.",
            "motion_left_out": "How many clips had no movement to compare, by reason.",
        },
    ),
    Described(
        "PROMPTS",
        "The prompts",
        "One row a prompt, by set and, where a set is ranked, the riskiest first.",
        "prompts",
        {"prompts": (f"{RESULTS}/prompts/prompts.parquet", f"{RESULTS}/prompts/chunks/{{chunk}}.parquet")},
        ("prompt_id",),
        schemas.PROMPTS,
        columns.PROMPTS,
        {
            "settings": SETTINGS,
            "vidmem": "Version of vidmem.",
            "inputs": "SHA-256 of the tables that it was made of.",
            "left_out": "How many items no prompt was made from, by reason.",
            "controls": "How control prompts were checked against the corpus.",
        },
        "Chunks are parts of the table. `prompts_export` writes it for others, with `source_ids` as JSON text.",
    ),
    Described(
        "VIDEOS",
        "Generated videos",
        "One row a video that was made, or should have been.",
        "generate",
        _generated("videos"),
        ("video_id",),
        schemas.VIDEOS,
        columns.VIDEOS,
        note="Of a folder of videos the metadata is empty.",
    ),
    Described(
        "SIGNALS",
        "What the denoiser said",
        "One row a video and sampling step, converted to ε-prediction in float32 (docs/method.md).",
        "generate",
        _generated("signals"),
        ("video_id", "step"),
        schemas.SIGNALS,
        columns.SIGNALS,
        note="A model that gives no signals has one row a video, `skipped`, with the reason; a folder of videos has "
        "none, and no metadata.",
    ),
    Described(
        "frames_schema",
        "Copy-detection vectors",
        "One row a frame that passed the quality gate.",
        "features",
        _features("frames"),
        ("video_id", "frame"),
        schemas.frames_schema(DIM),
        columns.FRAMES,
        {**_FEATURES, **_ENGINE, "dim": "Numbers of a vector."},
        f"`dim` is the engine's: {DIM} of SSCD. `null` are a model's null videos, `background` the held-out clips.",
    ),
    Described(
        "flow_schema",
        "Optical flow",
        "One row a pair of neighbouring frames at the common rate.",
        "features",
        _features("flow"),
        ("video_id", "index"),
        schemas.flow_schema(GRID),
        columns.FLOW,
        {**_FEATURES, **_ENGINE, "grid": "Cells along one side of the grid."},
        f"A vector has 2 · grid² numbers; `features.flow.grid` is {GRID} by default.",
    ),
    Described(
        "FEATURE_ITEMS",
        "What became of each video",
        "One row a video or item that was to be read.",
        "features",
        _features("items"),
        ("video_id",),
        schemas.FEATURE_ITEMS,
        columns.FEATURE_ITEMS,
        _FEATURES,
    ),
    Described(
        "MATCHES",
        "Matches",
        "One row a video, kind and clip: the best of the whole corpus, and the prompt's own clips wherever they rank.",
        "retrieve",
        {
            "retrieve": (f"{RESULTS}/retrieve/{{model}}.parquet",),
            "retrieve_null": (f"{RESULTS}/retrieve/{{model}}.null.parquet",),
        },
        ("video_id", "kind", "ref_id"),
        schemas.MATCHES,
        columns.MATCHES,
        {
            "settings": SETTINGS,
            "index": "`kind` of the index; by kind of match what it proposed, and what of an exact search it found.",
            "short_corpus_clips": "Corpus clips shorter than a `window`: their `number` and the `first` of them.",
        },
        "Columns of the other kind are null. `null` are the matches of the null videos, which set the thresholds.",
    ),
    Described(
        "METRICS",
        "Verdicts",
        "One row a generated video: every score, p-value and verdict.",
        "metrics",
        {"metrics_model": (f"{RESULTS}/metrics/{{model}}.parquet",)},
        ("video_id",),
        schemas.METRICS,
        columns.METRICS,
        {"settings": SETTINGS, **dict.fromkeys(("content", "template", "motion"), _THRESHOLD)},
    ),
    Described(
        "DETECT",
        "Detectors",
        "One row a detector, kind of memorisation, and use of steps and seeds.",
        "detect",
        {"detect": (f"{RESULTS}/detect/{{model}}.parquet",)},
        ("detector", "label", "steps", "seeds"),
        schemas.DETECT,
        columns.DETECT,
    ),
    Described(
        "TRANSFER",
        "Detectors on other models",
        "One row a detector, kind and pair of models: a threshold of one put to the other.",
        "detect",
        {"detect_transfer": (f"{RESULTS}/detect/transfer.parquet",)},
        ("detector", "label", "steps", "fitted_on", "applied_to"),
        schemas.TRANSFER,
        columns.TRANSFER,
    ),
    Described(
        "PASSES",
        "Passes without sampling",
        "One row a prompt and noise: what the denoiser says of pure noise, and of drafts.",
        "detect",
        {"detect_passes": (f"{RESULTS}/detect/{{model}}/{{chunk}}.passes.parquet",)},
        ("prompt_id", "seed"),
        schemas.PASSES,
        columns.PASSES,
    ),
    Described(
        "TRUTH",
        "Known truth",
        "One row a generated video of a model whose memorisation was planted.",
        "truth",
        {"truth": (f"{RESULTS}/truth/{{model}}.parquet",)},
        ("video_id",),
        schemas.TRUTH,
        columns.TRUTH,
    ),
    Described(
        "EFFECTIVE_SIZE",
        "Effective memorisation size",
        "One row a model that was trained on a number of distinct clips, each once.",
        "truth",
        {"effective_size": (f"{RESULTS}/truth/effective-size.parquet",)},
        ("family", "clips"),
        schemas.EFFECTIVE_SIZE,
        columns.EFFECTIVE_SIZE,
        {
            "settings": SETTINGS,
            "effective_size": "By family and criterion the number of clips at which the share crosses the level.",
        },
    ),
    Described(
        "ASKED_AGAIN",
        "Prompts asked again",
        "One row a prompt and seed that is asked again under remedies.",
        "mitigate",
        {
            "mitigate_prompts": (
                f"{RESULTS}/mitigate/{{model}}.prompts.parquet",
                f"{RESULTS}/mitigate/{{model}}/{{chunk}}.prompts.parquet",
            ),
            "mitigate_reword": (f"{RESULTS}/mitigate/{{model}}/{{chunk}}.prompts.parquet",),
        },
        ("prompt_id", "seed"),
        schemas.ASKED_AGAIN,
        columns.ASKED_AGAIN,
        note="Chunks are parts of the table; those of a rewording have its words.",
    ),
    Described(
        "MITIGATE",
        "Remedies",
        "One row a branch, group of prompts and measure.",
        "mitigate",
        {"mitigate": (f"{RESULTS}/mitigate/{{model}}.parquet",)},
        ("branch", "group", "measure"),
        schemas.MITIGATE,
        columns.MITIGATE,
    ),
    Described(
        "DATASET",
        "The audit's row of the study's table",
        "One row a model: model × dataset, for the reports of other audits too.",
        "report",
        {"report_dataset": (f"{RESULTS}/dataset.parquet",)},
        ("audit", "model"),
        schemas.DATASET,
        columns.DATASET,
        {"audit": "Name of the audit.", "bootstrap": "Draws of its intervals."},
    ),
)
