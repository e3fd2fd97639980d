"""A small audit for the report's tests: tables as the stages write them, and real mp4 files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vidmem import tables
from vidmem.media import write_video
from vidmem.report.dataset import write_dataset
from vidmem.report.inputs import Compared, FeatureFiles, MitigationFiles, ModelFiles, ReportInputs, VideoShard

HOSTILE = 'A "quoted" <script>alert(1)</script> clip\nof a 🦊 & <img src=x onerror=alert(2)>'
HOSTILE_REASON = "a rate needs <b>more</b> & <script>alert(3)</script> null videos"
GRID = 8
FPS = 12.0
FRAMES = 12


def pixels(content: int, motion: int, side: int = 48, frames: int = FRAMES) -> np.ndarray:
    """A textured square that moves: uint8 (frames, side, side, 3)."""
    rng = np.random.default_rng(content)
    ground = np.kron(rng.integers(60, 200, (4, 4, 3)), np.ones((side // 4, side // 4, 1)))
    patch = np.kron(rng.integers(0, 255, (4, 4, 3)), np.ones((side // 12, side // 12, 1)))
    size = patch.shape[0]
    made = np.repeat(ground[None], frames, axis=0).astype(np.uint8)
    for t in range(frames):
        x, y = centre(motion, t / (frames - 1))
        left, top = (round(v * (side - size)) for v in (x, y))
        made[t, top : top + size, left : left + size] = patch
    return made


def centre(motion: int, share: float) -> tuple[float, float]:
    """Where the square is at a share of the clip, in 0..1."""
    angle = 2 * np.pi * (motion / 6 + 0.7 * share)
    return 0.5 + 0.45 * float(np.cos(angle)), 0.5 + 0.45 * float(np.sin(angle))


def flow(motion: int) -> tuple[np.ndarray, np.ndarray]:
    """Times (n,) and vectors (n, 2 * GRID * GRID) of the square's movement."""
    times = np.arange(FRAMES - 1) / FPS
    axis = (np.arange(GRID) + 0.5) / GRID
    vectors = []
    for t in range(FRAMES - 1):
        a, b = centre(motion, t / (FRAMES - 1)), centre(motion, (t + 1) / (FRAMES - 1))
        near = np.exp(-(((axis[None] - a[0]) ** 2 + (axis[:, None] - a[1]) ** 2) / 0.03))
        vectors.append(np.stack([near * (b[i] - a[i]) * FPS for i in (0, 1)]).ravel())
    return times, np.asarray(vectors, np.float32)


def frames_of(ids: Iterable[str]) -> dict[str, Any]:
    """Frame rows at 4 Hz: all videos look alike at first and turn away from each other by their number."""
    rows: dict[str, list[Any]] = {k: [] for k in ("video_id", "frame", "time_s", "vector", "thumbnail", "picture")}
    for number, name in enumerate(ids):
        for i in range(4):
            angle = 0.1 * i * (number % 4)
            rows["video_id"].append(name)
            rows["frame"].append(i)
            rows["time_s"].append(i / 4)
            rows["vector"].append(np.array([np.cos(angle), np.sin(angle), 0, 0], np.float32))
            rows["thumbnail"].append(bytes([200, 30 + 40 * (number % 4), 60]) * (tables.THUMBNAIL_BYTES // 3))
            rows["picture"].append(bytes(range(0, 240, 5)) * (tables.PICTURE_BYTES // 48))
    return {**rows, "vector": np.array(rows["vector"], np.float32).reshape(-1, 4)}


def media_row(path: str, name: str | None = None) -> dict[str, Any]:
    return {
        "path": path,
        "kind": "video",
        "fps": FPS,
        "frames": FRAMES,
        "width": 48,
        "height": 48,
        "duration_s": FRAMES / FPS,
        "status": "ok",
    }


def cells() -> list[float]:
    """A similarity map of 7 x 7 cells: the upper left 4 x 4 come back, the last row has no texture."""
    made = np.full((7, 7), 0.1)
    made[:4, :4] = 0.93
    made[2, 6] = 0.95  # alike, but not connected with the rest
    made[6] = np.nan
    return [float(v) for v in made.ravel()]


def calibration(rng: np.random.Generator, known: bool) -> dict[str, Any]:
    """As the metrics stage describes a threshold: with a rate, or with the reason why there is none."""
    said = {
        "method": "tail fit" if known else "customary",
        "reason": None if known else HOSTILE_REASON,
        "threshold_low": 0.52 if known else None,
        "threshold_high": 0.71 if known else None,
        "fpr": 0.01 if known else None,
    }
    null = np.clip(rng.normal(0.3, 0.1, 40), 0, 1).tolist()
    rest = {"fpr_low": 0.0, "fpr_high": 0.088, "null_needed": 99, "fit_p_value": 0.42 if known else None}
    return {"threshold": 0.6, "customary": 0.5, "null_videos": 40, "null_scores": null, **said, **rest}


class World:
    """Builds the files under `root` and keeps the inputs."""

    def __init__(self, root: Path, per_prompt: int = 3) -> None:
        self.root, self.per_prompt = root, per_prompt
        self.corpus = root / "clips"
        self.searched: dict[str, Any] = {}  # what the retrieve tables of the models say of the search
        self.effective_size: Path | None = None
        self.dataset = "tiny"  # what the corpus is called
        self.beside: dict[str, Path] = {}  # rows of other audits
        self.mitigate: dict[str, MitigationFiles] = {}
        self.duplicates: Path | None = None
        self.captions = [HOSTILE, "a red kite over wet sand", "=1+1 a train leaves", "two dancers, one lamp"]
        for content in range(4):
            write_video(self.corpus / f"c{content}.mp4", pixels(content, content), FPS)
        self._corpus_tables()

    def _corpus_tables(self) -> None:
        rows = []
        for content, times in enumerate((1, 2, 4, 1)):
            for copy in range(times):
                row = {"item_id": f"item{content}-{copy}", "same_as": f"item{content}-0", "sha256": f"{content}"}
                rows.append(row | {"caption": self.captions[content]} | media_row(f"c{content}.mp4"))
        rows.append({"item_id": "../<b>broken</b>.mp4", "status": "skipped", "reason": "truncated <i>here</i>"})
        tables.write_table(self.root / "corpus.parquet", rows, tables.MANIFEST)
        items = [{"video_id": f"item{i}-0", "status": "ok", "frames_used": 6} for i in range(3)]
        items.append({"video_id": "item3-0", "status": "skipped", "reason": "all frames are blank"})
        self.features = {"corpus": self._features("corpus", items, {f"item{i}-0": flow(i) for i in range(4)})}
        prompts = [
            {
                "prompt_id": f"p{i}",
                "text": t,
                "set": "video-duplicated" if i else "control",
                "source_ids": [f"item{i}-0"],
            }
            for i, t in enumerate(self.captions)
        ]
        tables.write_table(self.root / "prompts.parquet", prompts, tables.PROMPTS)

    def _features(self, subject: str, items: list[dict[str, Any]], flows: dict[str, Any]) -> FeatureFiles:
        folder = self.root / "features" / subject
        made_by = {"engine": "dis", "weights_sha256": "ab" * 32}
        tables.write_table(folder / "items.parquet", items, tables.FEATURE_ITEMS, made_by)
        rows = [
            {"video_id": name, "index": i, "time_s": t, "magnitude": 0.1, "vector": v}
            for name, (times, vectors) in flows.items()
            for i, (t, v) in enumerate(zip(times, vectors, strict=True))
        ]
        columns = {key: [row[key] for row in rows] for key in ("video_id", "index", "time_s", "magnitude", "vector")}
        tables.write_table(folder / "flow.parquet", columns, tables.flow_schema(GRID), made_by)
        seen = frames_of(flows)
        tables.write_table(folder / "frames.parquet", seen, tables.frames_schema(4), made_by | {"engine": "sscd-int8"})
        return FeatureFiles([folder / "items.parquet"], [folder / "frames.parquet"], [folder / "flow.parquet"])

    def model(
        self, name: str, *, hits: int = 6, known: bool = True, prompts: bool = True, empty: bool = False
    ) -> ModelFiles:
        """One model: `hits` of its 12 videos are called memorised, by turns by content and by motion."""
        folder, count = self.root / name, 0 if empty else 4 * self.per_prompt
        videos, metrics, matches, items, truth = [], [], [], [], []
        flows = {}
        for i in range(count):
            video, content = f"{name}-{i:02d}", i % 4
            write_video(folder / "media" / f"{i}.mp4", pixels(content + (20 if i % 2 else 0), content), FPS)
            key = {"video_id": video, "prompt_id": f"p{content}" if prompts else None, "seed": i // 4}
            videos.append(key | {"model": name} | media_row(f"{i}.mp4"))
            metrics.append(key | self._judged(i, i < hits, content))
            matches += self._matches(video, content)
            items.append({"video_id": video, "status": "ok"})
            flows[video] = flow(content)
            truth.append({"video_id": video, "prompt_id": key["prompt_id"]} | self._truth(i, metrics[-1]))
        videos.append(
            {"video_id": f"{name}-lost", "model": name, "status": "failed", "reason": "the pipeline gave NaN"}
        )
        tables.write_table(folder / "videos.parquet", videos, tables.VIDEOS)
        tables.write_table(folder / "matches.parquet", matches, tables.MATCHES, self.searched)
        rng = np.random.default_rng(1)
        made_by: dict[str, Any] = {k: calibration(rng, known) for k in ("content", "template", "motion")}
        made_by["template"]["threshold"] = 0.3
        made_by["settings"] = {"agree_from": 0.9, "template_least": 0.15}
        tables.write_table(folder / "metrics.parquet", metrics, tables.METRICS, made_by)
        self.features[name] = self._features(name, items, flows) if count else FeatureFiles()
        tables.write_table(folder / "detect.parquet", self._detect() if known else [], tables.DETECT)
        if known:
            tables.write_table(folder / "truth.parquet", truth, tables.TRUTH)
        return ModelFiles(
            [VideoShard(folder / "videos.parquet", folder / "media")],
            folder / "matches.parquet",
            folder / "metrics.parquet",
            folder / "detect.parquet" if known else None,
            folder / "truth.parquet" if known else None,
        )

    def _judged(self, i: int, hit: bool, content: int) -> dict[str, Any]:
        by_content, by_motion, by_part = hit and i % 2 == 0, hit and i % 3 != 2, hit and i % 4 == 1
        return {
            "prompt_set": ("video-duplicated" if content else "control"),
            "content_score": 0.9 - 0.01 * i if by_content else 0.3 + 0.01 * i,
            "motion_score": 0.85 - 0.01 * i if by_motion else 0.35 - 0.01 * i,
            **{f"{k}_ref_id": f"item{content}-0" for k in ("content", "motion")},
            **{f"{k}_threshold": 0.6 for k in ("content", "motion")},
            "content_p_value": 1e-5 * (i + 1) if by_content else 0.4,
            "motion_p_value": 0.001 * (i + 1) if by_motion else 0.5,
            "content_q_value": None,
            **dict.fromkeys(("content_gen_time_s", "content_gen_start_s", "template_gen_time_s"), 0.25),
            **dict.fromkeys(("content_ref_time_s", "content_ref_start_s", "template_ref_time_s"), 0.5),
            "content_gen_end_s": 0.75,
            "content_ref_end_s": 1.0,
            **{f"motion_{side}_time_s": 0.0 for side in ("gen", "ref")},
            **{f"motion_{side}_end_s": 0.8 for side in ("gen", "ref")},
            "template_ref_id": f"item{content}-0",
            "template_score": 0.5 if by_part else 0.1,
            "template_threshold": 0.3,
            "template_p_value": 0.002 if by_part else 0.6,
            "template_map": cells(),
            "template_memorised": by_part,
            **{"gsscd_max": 0.9, "gsscd_k": 0.88, "vsscd": 0.6 + 0.01 * (i % 4), "content_normalised": 0.5},
            **{"ofs": 0.61, "ofs3": 0.77 - 0.01 * i, "ofs_residual": 0.55, "speed": 1.0},
            **{"gen_fraction": 0.5, "ref_fraction": 1.0},
            "agreement": 0.7,
            "clique_size": 3 if content == 2 else 1,
            "content_memorised": by_content,
            "motion_memorised": by_motion,
            "natural_motion": False,
            "d1_d2_pixel": 0.2 if by_content else 0.9,
            "own_similarity": 0.9 if by_content else 0.3,
            "own_first": by_content,
            "verdict": "verbatim" if by_content else "template" if by_part else "motion" if by_motion else "none",
            "status": "ok",
        }

    def _matches(self, video: str, content: int) -> list[dict[str, Any]]:
        spans = {"content": (0.25, 0.25, 0.5, 0.5), "motion": (0.0, 0.8, 0.0, 0.8)}
        keys = ("gen_start_s", "gen_end_s", "ref_start_s", "ref_end_s")
        return [
            {"video_id": video, "kind": kind, "rank": 1, "ref_id": f"item{content}-0", "score": 0.9, "own": True}
            | dict(zip(keys, spans[kind], strict=True))
            for kind in spans
        ]

    def _truth(self, i: int, judged: dict[str, Any]) -> dict[str, Any]:
        return {
            "multiplicity": (1, 4, 16, 64)[i % 4],
            "content_truth": i % 4 >= 2,
            "motion_truth": None,
            **{f"{k}_verdict": judged[f"{k}_memorised"] for k in ("content", "motion")},
            **{k: judged[k] for k in ("content_score", "motion_score", "own_similarity", "own_first")},
            "status": "ok",
        }

    def _detect(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for kind in ("content", "motion"):
            for steps in ("first", "all", *(f"step:{n}" for n in range(10))):
                value = 0.95 - 0.05 * int(steps[5:]) if steps.startswith("step:") else 0.9
                row: dict[str, Any] = {"detector": f"{kind}_magnitude", "label": kind, "steps": steps, "seeds": 1}
                row |= {"default": steps == "first", "positives": 6, "negatives": 6, "auc": value, "status": "ok"}
                row |= {"auc_low": value - 0.08, "auc_high": min(value + 0.05, 1), "tpr_at_1pct_fpr": 0.7}
                rows.append(row | {"best_accuracy": 0.9, "fpr": [0, 0, 0.2, 1], "tpr": [0, 0.7, 0.95, 1]})
        rows.append(
            {
                "detector": "cosine",
                "label": "content",
                "steps": "all",
                "seeds": 1,
                "status": "skipped",
                "reason": "one class",
            }
        )
        return rows

    def inputs(self, models: dict[str, ModelFiles]) -> ReportInputs:
        bench = self.root / "bench.tsv"
        bench.write_text("s\th:m:s\tmax_rss\n12.5\t0:00:12\t100\nNA\tNA\tNA\n", encoding="utf-8")
        config = {
            "audit": "tiny",
            "metrics": {"bootstrap": 200},
            "corpus": {"folder": "my clips", "limits": {"max_side": 4096}},
        }
        own = self.root / "dataset.parquet"
        write_dataset("tiny", self.dataset, models, 200, own)
        return ReportInputs(
            "tiny",
            json.loads(json.dumps(config)),
            self.root / "corpus.parquet",
            self.corpus,
            self.root / "prompts.parquet",
            models,
            dict(self.features),
            {"corpus": [bench, bench], "generate": [bench]},
            self.effective_size,
            {"tiny": own, **self.beside},
            mitigate=self.mitigate,
            duplicates=self.duplicates,
        )

    def repeats(self, semantic: str = "looked for") -> Path:
        """What stands more than once in the corpus: item3 bears the caption of item2, and moves like it and item1."""
        rows: list[dict[str, Any]] = []
        for content, times in enumerate((1, 2, 4, 1)):
            of_caption, of_motion = (2, 5) if content >= 2 else (content, times), (1, 7) if content else (0, None)
            for copy in range(times):
                row: dict[str, Any] = {"item_id": f"item{content}-{copy}", "prompt_id": f"p{of_caption[0]}"}
                row |= {"caption_component": f"item{of_caption[0]}-0", "caption_component_size": of_caption[1]}
                row |= {"content_component": f"item{content}-0", "content_component_size": times}
                row |= {"motion_component": f"item{of_motion[0]}-0", "motion_component_size": of_motion[1]}
                row |= {"same_caption_same_video": times - 1, "same_caption_other_video": of_caption[1] - times}
                row |= {"other_caption_same_video": 0}
                row["same_motion_other_video"] = None if of_motion[1] is None else of_motion[1] - times
                rows.append(row | {"status": "ok"})
        rows.append({"item_id": "../<b>broken</b>.mp4", "status": "skipped", "reason": "truncated <i>here</i>"})
        self.duplicates = self.root / "duplicates.parquet"
        tables.write_table(self.duplicates, rows, tables.DUPLICATES, {"semantic": semantic})
        return self.duplicates

    def mitigated(self, model: str, branches: dict[str, dict[str, tuple[float, float] | None]]) -> MitigationFiles:
        """Remedies tried on a model of this world: branch `<model>.<remedy>.<strength>` -> measure -> before, after.

        Every branch gives the model's own videos again; None is a measure that could not be taken.
        """
        rows = []
        for branch, measures in branches.items():
            remedy, strength = branch.removeprefix(f"{model}.").split(".", 1)
            named = {"branch": branch, "remedy": remedy, "kind": "amg", "strength": float(strength)}
            for group in ("flagged", "unflagged"):
                rows += [{**named, "group": group, **_measured(name, pair)} for name, pair in measures.items()]
        tables.write_table(self.root / f"{model}.mitigate.parquet", rows, tables.MITIGATE)
        asked = {"prompt_id": "p0", "seed": 0, "group": "flagged", "rank": 1, "text": HOSTILE}
        tables.write_table(
            self.root / f"{model}.asked.parquet", [asked | {"base_video_id": f"{model}-00"}], tables.ASKED_AGAIN
        )
        bench = self.root / "sampled.tsv"
        bench.write_text("s\th:m:s\tmax_rss\n26\t0:00:26\t900\n", encoding="utf-8")
        shard = VideoShard(self.root / model / "videos.parquet", self.root / model / "media")
        compared = Compared([shard], [bench])
        self.mitigate[model] = MitigationFiles(
            self.root / f"{model}.mitigate.parquet",
            self.root / f"{model}.asked.parquet",
            compared,
            dict.fromkeys(branches, compared),
        )
        return self.mitigate[model]

    def sized(self, family: str = "planted") -> Path:
        """A table of effective sizes: all of 4 clips, most of 16 and few of 64 are memorised."""
        rows = []
        for clips, share in ((4, 1.0), (16, 0.75), (64, 0.125)):
            row = {"family": family, "clips": clips, "model": f"{family}-of-{clips}", "prompts": 4, "videos": 8}
            for n, name in enumerate(("verdict", "d1_d2_feature", "d1_d2_pixel")):
                mine = share / (n + 1)
                row |= {f"{name}_share": mine, f"{name}_low": 0.9 * mine, f"{name}_high": min(1, 1.1 * mine)}
            rows.append(row)
        sizes = {
            "verdict": {"clips": 7.0, "bound": "="},
            "d1_d2_feature": {"clips": 4.0, "bound": "<"},
            "d1_d2_pixel": {"clips": None, "bound": None},
        }
        made_by = {"settings": {"memorised_share": 0.9}, "effective_size": {family: sizes}}
        tables.write_table(self.root / "effective-size.parquet", rows, tables.EFFECTIVE_SIZE, made_by)
        self.effective_size = self.root / "effective-size.parquet"
        return self.effective_size


def _measured(name: str, pair: tuple[float, float] | None) -> dict[str, Any]:
    if pair is None:
        return {"measure": name, "status": "skipped", "reason": HOSTILE_REASON}
    before, after = pair
    intervals = {
        f"{side}_{end}": value
        for side, value in (("after", after), ("change", after - before))
        for end in ("low", "high")
    }
    row = {"measure": name, "before": before, "after": after, "change": after - before, "prompts": 4, "videos": 8}
    return {**row, **intervals, "status": "ok"}


def without_prompts(inputs: ReportInputs) -> ReportInputs:
    return replace(inputs, prompts=None)
