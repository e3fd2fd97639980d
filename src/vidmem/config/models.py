"""The models under audit: diffusers pipelines, folders of videos, and models with known truth."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from vidmem.config.base import Section

Sets = Literal["video-duplicated", "random-train", "control", "imported"]
ALL_SETS: tuple[Sets, ...] = ("video-duplicated", "random-train", "control", "imported")


class _Sampled(Section):
    """What every model that samples has."""

    prompt_sets: list[Sets] = Field(list(ALL_SETS), description="Prompt sets put to this model.")
    seeds: int = Field(4, ge=1, le=1024, description="Videos a prompt, one a seed.")
    steps: int = Field(30, ge=1, le=1000, description="Sampling steps.")
    guidance_scale: float = Field(3.0, ge=0, description="Classifier-free guidance scale.")


class Diffusers(_Sampled):
    """A diffusers pipeline: a local folder, or a hub id with a pinned revision."""

    kind: Literal["diffusers"]
    source: str = Field(description="A local diffusers folder (with model_index.json), or a hub id `owner/name`.")
    revision: str | None = Field(None, description="Commit of the hub repository. Pin it: branches move.")
    dtype: Literal["float32", "float16", "bfloat16"] = Field("float32", description="Number type of the weights.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto`: a GPU if there is one.")
    frames: int | None = Field(None, ge=1, description="Frames a video; left out: the pipeline's default.")
    width: int | None = Field(None, ge=16, description="Width in pixels; left out: the pipeline's default.")
    height: int | None = Field(None, ge=16, description="Height in pixels; left out: the pipeline's default.")
    fps: float = Field(8.0, gt=0, description="Frame rate at which the model's frames are meant to be played.")


class Videos(Section):
    """A folder of videos that were generated already: how closed models are audited."""

    kind: Literal["videos"]
    folder: str = Field(description="Folder of generated videos, searched with its subfolders.")
    prompts: str | None = Field(
        None, description="Table with `path` and `prompt` (and `seed`) of each video, if they are known."
    )


class Planted(_Sampled):
    """A video diffusion transformer trained here on the corpus with its multiplicities."""

    kind: Literal["planted"]
    frames: int = Field(8, ge=2, le=64, description="Frames a clip.")
    side: int = Field(48, ge=16, le=128, multiple_of=8, description="Width and height in pixels.")
    fps: float = Field(8.0, gt=0, description="Frame rate at which training clips are sampled.")
    train_steps: int = Field(1000, ge=1, description="Optimiser steps.")
    batch_size: int = Field(16, ge=1, description="Clips a step.")
    steps: int = Field(20, ge=1, le=1000, description="Sampling steps.")
    guidance_scale: float = Field(
        1.5, ge=0, description="Classifier-free guidance scale. Far above 2 so small a model's clips burn out."
    )
    learning_rate: float = Field(2e-3, gt=0, description="Peak learning rate of AdamW (Muon's is 5 times that).")
    clips: int | None = Field(
        None,
        ge=1,
        description="Train on this many distinct clips of the corpus, each once. Left out: on all, with their "
        "multiplicities.",
    )
    sizes: list[Annotated[int, Field(ge=1)]] = Field(
        [],
        exclude=True,  # they are models of their own by then, and no setting of this one
        description="Also train one model on each of these numbers of distinct clips, each clip once: how many clips "
        "a model of this size memorises (the effective memorisation size). They are named `<this model>-of-<number>`.",
    )

    @field_validator("sizes")
    @classmethod
    def _distinct(cls, sizes: list[int]) -> list[int]:
        twice = sorted({n for n in sizes if sizes.count(n) > 1})
        if twice:
            raise ValueError(f"{twice[0]} is given twice")
        return sizes

    def sized(self, name: str) -> dict[int, str]:
        """Names of the models of each number of clips, ascending: those that `sizes` makes, and itself with `clips`."""
        found = {n: f"{name}-of-{n}" for n in self.sizes}
        if self.clips is not None:
            found.setdefault(self.clips, name)
        return dict(sorted(found.items()))


class Oracle(_Sampled):
    """The closed-form optimum of the denoising objective on a finite set of clips: it can only reproduce."""

    kind: Literal["oracle"]
    support: Literal["corpus", "unrelated", "motion"] = Field(
        "corpus",
        description="Clips that it knows. `corpus`: the prompt's own clips. `unrelated`: clips that the corpus lacks "
        "(negative control). `motion`: new contents on the corpus' trajectories (motion memorised, content not).",
    )
    bandwidth: float = Field(
        0.0,
        ge=0,
        description="Width of the smoothing kernel around each clip, in units of pixel standard deviation; 0 is exact.",
    )
    frames: int = Field(12, ge=2, le=64, description="Frames a clip.")
    side: int = Field(64, ge=16, le=256, multiple_of=8, description="Width and height in pixels.")
    fps: float = Field(8.0, gt=0, description="Frame rate.")


class Replay(Section):
    """A folder of originals and degraded copies of corpus clips, and of unrelated clips, made by the workflow."""

    kind: Literal["replay"]
    copies: int = Field(24, ge=1, description="Corpus clips that are copied, half as they are, half degraded.")
    unrelated: int = Field(24, ge=1, description="Held-out clips.")
    seed: int = Field(0, ge=0, description="Seed of the choice and of the degradations.")


Model = Annotated[Diffusers | Videos | Planted | Oracle | Replay, Field(discriminator="kind")]
KNOWN = ("planted", "oracle", "replay")  # kinds that the workflow makes itself, whose truth is known
