"""The stages after the features: retrieval, metrics, detection, truth, report."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from vidmem.config.base import NAME_PATTERN, Section


class Retrieve(Section):
    """Nearest-neighbour search over the whole corpus."""

    top_k: int = Field(5, ge=1, le=1000, description="Matches kept of each video, by content and by motion.")
    candidates: int = Field(
        50, ge=1, description="Corpus clips a video that are scored exactly after the search by vectors."
    )
    window: int = Field(
        7, ge=1, le=64, description="Flow fields in a motion window (k of OFS-k). Longer: fewer chance matches."
    )
    segment: int = Field(3, ge=1, le=64, description="Frames in a content segment (k of GSSCD-k).")
    speeds: list[Annotated[float, Field(ge=0.25, le=4)]] = Field(
        [1.0],
        min_length=1,
        description="Speeds at which a video may play a clip's movement, as factors; each one is searched. `[1.0]`: "
        "only as fast.",
    )
    index: Literal["exact", "fp16", "ivf", "ivfpq"] = Field(
        "exact",
        description="How the corpus is searched. `exact`: every vector. The others build an index of each chunk that "
        "proposes `candidates` clips a video, which are then scored exactly; what the index misses is measured on a "
        "sample of the videos and written beside the matches. `fp16`: all vectors in half precision. `ivf`: `nprobe` "
        "lists of a k-means. `ivfpq`: these, with vectors of some bytes. Only for many models and far more than "
        "100,000 clips: up to there the exact search takes less than half a second a video.",
    )
    nprobe: int = Field(
        32, ge=1, le=65536, description="Lists that `ivf` and `ivfpq` look into. More: slower, and fewer misses."
    )


class Metrics(Section):
    """From scores to verdicts."""

    fpr: float = Field(
        0.01, gt=0, lt=0.5, description="False-positive rate for which the thresholds are set on the null distribution."
    )
    min_null: int = Field(
        20,
        ge=2,
        description="With fewer null videos than this no rate is stated: customary thresholds are used. From this "
        "number up to 1/fpr - 1 the tail of their scores is extrapolated, with more it is counted.",
    )
    customary_content: float = Field(
        0.5, gt=0, le=1, description="Customary threshold of SSCD similarity, printed beside the calibrated one."
    )
    customary_motion: float = Field(
        0.7, gt=0, le=1, description="Threshold of the motion window's cosine where there are too few null videos."
    )
    customary_template: float = Field(
        0.3, gt=0, le=1, description="Share of the frame that must come back where there are too few null videos."
    )
    template_least: float = Field(
        0.15,
        gt=0,
        le=1,
        description="Least share of the frame that can be called a template, however little null videos share with "
        "the corpus.",
    )
    agree_from: float = Field(
        0.9, gt=0, le=1, description="Similarity from which two seeds of a prompt are the same video."
    )
    still_floor: float = Field(
        0.02,
        ge=0,
        description="Mean flow in shares of the width a second under which a window is still: natural motion.",
    )
    camera_explained: float = Field(
        0.95, ge=0, le=1, description="Share of flow energy that an affine camera must explain for natural motion."
    )
    common_share: float = Field(
        0.05,
        gt=0,
        le=1,
        description="A motion that more than this share of unrelated videos matches is natural: no evidence.",
    )
    bootstrap: int = Field(1000, ge=100, description="Bootstrap draws over prompts for the intervals.")


DetectorName = Literal[
    "content_magnitude", "motion_magnitude", "motion_share", "angle", "frame_least", "frame_spread", "settled",
    "settled_motion", "combined", "noise_magnitude", "noise_motion", "curvature", "draft", "draft_motion",
    "draft_movement",
]  # fmt: skip


class Extra(Section):
    """Passes of the denoiser over pure noise, for detectors that sample no video. Prompted models only."""

    noises: int = Field(
        0,
        ge=0,
        le=64,
        description="Noises a prompt whose first-step magnitudes are taken (two calls of the denoiser each). 0: none.",
    )
    curvature: int = Field(
        0,
        ge=0,
        le=64,
        description="Noises a prompt whose curvature is taken (four calls each): the score of Jeon et al., by a finite "
        "difference. 0: none.",
    )
    draft: int = Field(
        0,
        ge=0,
        le=64,
        description="Drafts a prompt: samplings in three steps that end after two (two guided pairs, four calls each), "
        "whose guess of the video is held against the first one. The best detector of the demo. 0: none.",
    )


class Detect(Section):
    """Detection while sampling. docs/detectors.md says what each detector is."""

    content: DetectorName = Field("settled", description="Detector of content verdicts that is shown by default.")
    motion: DetectorName = Field("settled_motion", description="Detector of motion verdicts that is shown by default.")
    either: DetectorName = Field("settled", description="Detector of verdicts of any kind that is shown by default.")
    default_steps: Literal["first", "first5", "half", "all"] = Field(
        "first5",
        description="Steps that the default detectors may use. A detector that has no score over them takes its own.",
    )
    bootstrap: int = Field(500, ge=100, description="Bootstrap draws over prompts for the intervals.")
    extra: Extra = Field(default_factory=Extra, description="Passes beside those of sampling.")

    @model_validator(mode="after")
    def _passes(self) -> Detect:
        needs = {"noise_magnitude": "noises", "noise_motion": "noises", "curvature": "curvature"}
        needs |= dict.fromkeys(("draft", "draft_motion", "draft_movement"), "draft")
        for label, name in (("content", self.content), ("motion", self.motion), ("either", self.either)):
            if name in needs and not getattr(self.extra, needs[name]):
                raise ValueError(f"{label}: {name} needs passes of its own: set extra.{needs[name]} to 1 or more")
        return self


class Truth(Section):
    """Judging verdicts against planted truth."""

    positive_from: int = Field(
        16,
        ge=2,
        description="Multiplicity from which a planted clip counts as memorised. Clips that stand once do not.",
    )
    memorised_share: float = Field(
        0.9,
        gt=0,
        le=1,
        description="Share of a model's videos that must be memorised for its number of clips to count as memorised "
        "(effective memorisation size; see `sizes` of a planted model).",
    )


class Report(Section):
    """The report for people."""

    title: str = Field("Memorisation audit", description="Title on the report's first line.")
    dataset: str | None = Field(
        None,
        min_length=1,
        max_length=80,
        description="What the corpus is called in the table model x dataset, such as WebVid-10M. By default the "
        "audit's name.",
    )
    beside: list[Annotated[str, Field(pattern=NAME_PATTERN)]] = Field(
        [],
        description="Other audits, run in the same folder, whose models stand in the table model x dataset too. One "
        "that has no results yet is said to have none; a later run picks them up.",
    )
    compare: list[Annotated[str, Field(pattern=NAME_PATTERN)]] = Field(
        [],
        max_length=2,
        description="Two audits, run in the same folder (this one may be one of them), whose verdicts on the same "
        "model, prompt and seed (of no known prompt: the same file in its folder) are compared pair by pair on a page "
        "of their own.",
    )
    findings: int = Field(60, ge=0, description="Findings shown with their pictures, the surest first.")
    references: Literal["show", "blur", "omit"] = Field(
        "show",
        description="Pictures of the corpus in the report: as they are, blurred past recognition, or left out. Scores, "
        "captions and generated videos stay: a copy shows what it copies.",
    )
    prompt_pages: int = Field(
        500, ge=0, description="Prompts that get a page with all their videos, the surest findings' first."
    )
    clip_width: int = Field(192, ge=64, le=512, description="Width of each side of a playing match, in pixels.")
    strip_frames: int = Field(6, ge=1, le=24, description="Frames in a strip.")
    strip_width: int = Field(112, ge=32, le=512, description="Width of a frame in a strip, in pixels.")
