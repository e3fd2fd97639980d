"""The remedies against memorisation: what each does while sampling, and how strongly.

One model a `kind`; `Remedy` is their union. Each has one `strength`, of which 0 is no remedy at all (the pixels of an
unmitigated run): a sweep is `remedy.model_copy(update={"strength": s})`. `generate_chunk` takes
`settings["remedy"]`, None or the plain `remedy.model_dump()`; it changes pixels, and so the videos' ids. `amg` and
`neighbour` need the corpus too: `references`, pairs of a manifest (a table of `tables.MANIFEST`, all `ok` rows of which
are used) and the folder that its paths are relative to. See docs/remedies.md.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from vidmem.config.base import Section

Share = Annotated[float, Field(ge=0, le=1)]


class Amg(Section):
    """Guidance away from the copy (AMG, Chen et al., arXiv 2404.00922), for video.

    In every step the clean clip that is being sampled is held against the corpus' clips, by frames and by motion.
    While it resembles one by more than a threshold, three terms steer away from it.
    """

    kind: Literal["amg"]
    strength: float = Field(1.0, ge=0, description="Factor of `c1`, `c2` and `c3`. 0: no remedy.")
    similarity: Literal["frames", "motion", "both"] = Field(
        "both",
        description="By what a clip is like another. `frames`: what the frames show. `motion`: how one frame differs "
        "from the one before.",
    )
    threshold: float = Field(
        0.6, ge=-1, le=1, description="Similarity (a cosine) from which it is steered away, at the last step."
    )
    threshold_first: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="The same at the first step; in between it runs along a parabola. Left out: `threshold`.",
    )
    until: Share = Field(
        1.0,
        description="Share of the steps, from the first one on, that are steered. Less than 1: the last ones clean up.",
    )
    c1: float = Field(
        1.0, ge=0, description="Despecification: how much guidance is taken back, at most down to a scale of 1."
    )
    c2: float = Field(
        1.0, ge=0, description="Caption deduplication: how much the caption of the clip that it resembles is avoided."
    )
    c3: float = Field(
        3.0,
        ge=0,
        description="Dissimilarity: how far each step descends the similarity. It is given a number of the latents "
        "(the equation's c3 is this one times the latents' size), so that it means the same at every size.",
    )
    gradient: Literal["denoiser", "fixed"] = Field(
        "denoiser",
        description="How the similarity's gradient is taken. `denoiser`: through the denoiser, at a forward and a "
        "backward pass a step; it leads to other contents. `fixed`: as if its prediction of the noise did not depend "
        "on the noisy clip, at no pass; it is enough against motion, with `limit: 0.2` and `similarity: motion`.",
    )
    limit: float = Field(
        1.0,
        gt=0,
        description="The most that a step of dissimilarity may move the predicted clean clip, as a share of its norm.",
    )


class Embedding(Section):
    """Optimisation of the prompt's embedding until the first step's magnitude is low (Wen et al., arXiv 2407.21720)."""

    kind: Literal["embedding"]
    strength: Share = Field(
        0.5, description="How far the magnitude shall fall, from its own value (0: no remedy) to `target` (1)."
    )
    target: float = Field(
        0.0, ge=0, description="Magnitude of the first step (numbers' root mean square) at strength 1."
    )
    magnitude: Literal["content", "motion"] = Field(
        "content", description="Of what: the guidance itself, or its difference from latent frame to latent frame."
    )
    learning_rate: float = Field(
        0.05, gt=0, description="Learning rate of Adam, in units of the numbers' root mean square."
    )
    iterations: int = Field(30, ge=1, le=1000, description="The most iterations, whether or not the magnitude is low.")


class Neighbour(Section):
    """Part of the way to the nearest other caption, as far as takes the copy away and no further (our definition).

    While the clip that is being sampled resembles one of the corpus by more than a threshold, the prompt's embedding is
    moved towards that of the caption that in words is nearest to this clip's own, among those of other clips.
    """

    kind: Literal["neighbour"]
    strength: Share = Field(0.6, description="The most of the way that a prompt is moved. 0: no remedy.")
    threshold: float = Field(
        0.91,
        ge=-1,
        le=1,
        description="Similarity (a cosine, by frames as of kind `amg`) that the clean clip shall be under. Higher: "
        "less of the way, and nearer to the copy.",
    )
    tries: int = Field(
        6,
        ge=0,
        le=16,
        description="Bisections by which the least sufficient part of the way is found, at two predictions each. More: "
        "less is overdone. Where a later step finds it not enough it is raised by what the last one tells apart.",
    )


class LateGuidance(Section):
    """No guidance before a transition step (Jain et al., arXiv 2411.16738)."""

    kind: Literal["late-guidance"]
    strength: Share = Field(0.5, description="Share of the steps, from the first one on, that go without guidance.")
    transition: Literal["share", "magnitude"] = Field(
        "share",
        description="`share`: guidance begins after that share of the steps. `magnitude`: as soon as the magnitude of "
        "guidance has passed its first minimum, and after that share at the latest.",
    )
    scale: float = Field(
        0.0,
        le=1,
        description="Guidance scale before the transition. 0: the prediction without the prompt; negative: away from "
        "the prompt (opposite guidance).",
    )


class NoiseChoice(Section):
    """Several initial noises, of which the one with the lowest first-step magnitude is sampled on."""

    kind: Literal["noise-choice"]
    strength: int = Field(3, ge=0, le=255, description="How many further noises are tried. 0: no remedy.")
    magnitude: Literal["content", "motion"] = Field("content", description="Which magnitude, as of kind `embedding`.")


class NoiseAdjust(Section):
    """Gradient adjustment of the initial noise, its norm kept, until the first step's magnitude is low."""

    kind: Literal["noise-adjust"]
    strength: Share = Field(
        0.5, description="How far the magnitude shall fall, from its own value (0: no remedy) to `target` (1)."
    )
    target: float = Field(
        0.0, ge=0, description="Magnitude of the first step (numbers' root mean square) at strength 1."
    )
    magnitude: Literal["content", "motion"] = Field("content", description="Which magnitude, as of kind `embedding`.")
    learning_rate: float = Field(
        0.05, gt=0, description="Learning rate of Adam, in units of the numbers' root mean square."
    )
    iterations: int = Field(30, ge=1, le=1000, description="The most iterations, whether or not the magnitude is low.")


class Reword(Section):
    """Other words for the same: the prompt's paraphrases in its place. Sampling is left as it is."""

    kind: Literal["reword"]
    strength: int = Field(1, ge=0, le=64, description="How many paraphrases stand for a prompt. 0: the prompt itself.")


Remedy = Annotated[
    Amg | Embedding | Neighbour | LateGuidance | NoiseChoice | NoiseAdjust | Reword, Field(discriminator="kind")
]
