"""The models under audit: diffusers pipelines, a user's command, folders of videos, and models with known truth."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator, model_validator

from vidmem.config.base import Section

Sets = Literal[
    "video-duplicated", "image-duplicated", "motion-duplicated", "random-train", "control", "imported", "paraphrase"
]
ALL_SETS: tuple[Sets, ...] = get_args(Sets)
Condition = Literal["text", "image", "class", "none"]
PLACEHOLDERS = ("{prompts}", "{outputs}", "{seed}")


class _Asked(Section):
    """What every model has that is asked with prompts."""

    prompt_sets: list[Sets] = Field(list(ALL_SETS), description="Prompt sets put to this model.")
    seeds: int = Field(4, ge=1, le=1024, description="Videos a prompt, one a seed.")


class _Sampled(_Asked):
    """What every model that samples has."""

    steps: int = Field(30, ge=1, le=1000, description="Sampling steps.")
    guidance_scale: float = Field(3.0, ge=0, description="Classifier-free guidance scale.")


class _Conditioned(Section):
    """What a video is asked for with: a prompt, or where the model takes none, a seed and perhaps a class."""

    condition: Condition = Field(
        "text",
        description="What a video is asked for with. `text`: a prompt. `image`: the first frame of the clip that the "
        "prompt is the caption of, and the prompt where the model takes one. `class`: a class label. `none`: the seed "
        "alone. The last two need `videos` and take no prompts.",
    )
    images: Literal["corpus", "heldout"] = Field(
        "corpus",
        description="Whose first frames videos start from (condition `image`). `corpus`: the prompt's own clip, where "
        "the corpus has it, else one drawn by the prompt. `heldout`: a held-out clip drawn by the prompt.",
    )
    videos: int | None = Field(
        None,
        ge=1,
        exclude=True,  # it says how many jobs there are, and is no setting of any: more videos rerun none
        description="How many videos are made (condition `none` or `class`), with the seeds 0, 1, 2, ...",
    )
    classes: list[Annotated[int, Field(ge=0)]] = Field(
        [],
        description="Class labels (condition `class`). The videos are dealt out to them in turn, and each class has "
        "the seeds 0, 1, 2, ...",
    )

    @property
    def prompted(self) -> bool:
        """Whether videos are asked for with prompts."""
        return self.condition in ("text", "image")

    @model_validator(mode="after")
    def _counted(self) -> _Conditioned:
        if self.prompted and (self.videos or self.classes):
            raise ValueError(
                f"`{'videos' if self.videos else 'classes'}` is for models without prompts: "
                "set `condition: none` or `condition: class`"
            )
        if not self.prompted and self.videos is None:
            raise ValueError(f"condition {self.condition!r} needs `videos`: how many are to be made")
        if self.condition == "class" and not self.classes:
            raise ValueError("condition 'class' needs `classes`: the labels to be asked for")
        if self.condition == "none" and self.classes:
            raise ValueError("`classes` are for `condition: class`")
        return self


class Pipeline(Section):
    """Which diffusers pipeline, and how it is loaded and called. An entry of the registry has these too."""

    family: str | None = Field(
        None,
        description="Family of the model, as the registry spells it: which numbers of frames and sizes are valid, and "
        "how guidance is read. Left out: the one that the pipeline's class belongs to.",
    )
    source: str | None = Field(
        None,
        description="A local diffusers folder (with model_index.json), or a hub id `owner/name`, which the workflow "
        "fetches. Left out: the preset's.",
    )
    revision: str | None = Field(
        None,
        pattern="^[0-9a-f]{40}$",
        description="Commit of the hub repository, 40 hex digits. It must be pinned, for branches move: "
        "`git ls-remote https://huggingface.co/<source> HEAD` prints today's.",
    )
    motion_adapter: str | None = Field(
        None,
        description="Of AnimateDiff, whose models are published in two parts: a folder or a hub id of the motion "
        "adapter that is put over the image model at `source`. Sampling is then DDIM at the adapter's noise levels, "
        "unless `scheduler` says otherwise.",
    )
    motion_adapter_revision: str | None = Field(
        None, pattern="^[0-9a-f]{40}$", description="Commit of the motion adapter's hub repository, as `revision`."
    )
    guardrail: bool = Field(
        True,
        description="Of Cosmos, which can't be sampled without NVIDIA's guardrail (package `cosmos_guardrail`); it "
        "refuses prompts and blurs faces. `false` leaves it out. NVIDIA's licence ends for who does that without a "
        "similar guardrail that fits the use: read it first.",
    )
    guidance_scale_2: float | None = Field(
        None,
        ge=0,
        description="Of a model with two transformers (Wan 2.2): the guidance scale of the one for the later, less "
        "noisy steps. Left out: `guidance_scale`. Where one hands over to the other is the checkpoint's.",
    )
    dtype: Literal["float32", "float16", "bfloat16"] = Field("float32", description="Number type of the weights.")
    frames: int | None = Field(None, ge=1, description="Frames a video; left out: the pipeline's default.")
    width: int | None = Field(None, ge=16, description="Width in pixels; left out: the pipeline's default.")
    height: int | None = Field(None, ge=16, description="Height in pixels; left out: the pipeline's default.")
    fps: float = Field(8.0, gt=0, description="Frame rate at which the model's frames are meant to be played.")
    scheduler: str | None = Field(
        None,
        pattern="^[A-Za-z0-9]+Scheduler$",
        description="Class name of a diffusers scheduler to sample with, such as `DDIMScheduler`; left out: the "
        "pipeline's own.",
    )
    batch_size: int | None = Field(
        None, ge=1, description="Videos of this model sampled at once; left out: `generate.batch_size`."
    )
    offload: Literal["none", "model", "sequential"] = Field(
        "none",
        description="Where weights wait. `none`: all on the GPU. `model`: one component at a time is there. "
        "`sequential`: one layer at a time, which is slow and takes least memory.",
    )
    unconditional_pass: bool = Field(
        False,
        description="Of a model whose guidance is distilled into it (HunyuanVideo): ask it for an unconditional "
        "prediction all the same, so that there are signals. One more call a step; the videos stay as they are.",
    )
    true_cfg_scale: float | None = Field(
        None, gt=1, description="Of such a model: guide with that prediction too, which changes the videos."
    )
    vae_tiling: bool = Field(False, description="Decode frames in tiles: less memory, and faintly other pixels.")
    vae_slicing: bool = Field(False, description="Decode the videos of a batch one after another: less memory.")
    gpu_memory_gb: float | None = Field(
        None,
        gt=0,
        exclude=True,  # this and what follows is said of a model and changes no video
        description="Expected GPU memory at these settings, in GB, for the reader and the cost estimate.",
    )
    seconds_per_video: float | None = Field(
        None,
        gt=0,
        exclude=True,
        description="Seconds that one video takes on your GPU, for the cost estimate; left out: said to be unknown.",
    )
    gated: bool | None = Field(
        None,
        exclude=True,
        description="Whether the hub asks for a login before it gives the weights; left out: unknown.",
    )
    licence: str | None = Field(None, exclude=True, description="Note on the licence of the weights. Read it yourself.")


class Diffusers(_Sampled, _Conditioned, Pipeline):
    """A diffusers pipeline: a preset of `config/models.yaml`, a local folder, or a hub id with a pinned revision."""

    kind: Literal["diffusers"] = "diffusers"
    preset: str | None = Field(
        None,
        exclude=True,  # its settings stand here by now
        description="Name of an entry of `config/models.yaml`; every other key here overrides what it says.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto`: a GPU if there is one.")

    @model_validator(mode="after")
    def _sourced(self) -> Diffusers:
        if not self.source:
            raise ValueError(
                "needs `source` (a diffusers folder or a hub id) or `preset` (a name of config/models.yaml)"
            )
        return self


class Command(_Asked, _Conditioned):
    """A model run by a command of yours, which is given a file of prompts and a folder; see docs/command-models.md."""

    kind: Literal["command"]
    command: list[str] = Field(
        min_length=1,
        description="The program and its arguments, started without a shell. `{prompts}` becomes the path of the "
        "prompts file, `{outputs}` that of the folder for the videos; with `{seed}` it is started once a seed.",
    )
    folder: str | None = Field(
        None, description="Working folder of the command; left out: the folder that `snakemake` runs in."
    )
    timeout_s: float | None = Field(
        None, gt=0, description="Seconds after which a command is stopped; left out: it may take as long as it likes."
    )
    version: str = Field(
        "1", description="Any text. Change it when the code or the weights behind the command change: that makes anew."
    )
    gpus: int = Field(0, ge=0, exclude=True, description="GPUs that a job asks the cluster for.")
    memory_mb: int = Field(
        8000, ge=1, exclude=True, description="Memory that a job asks the cluster for, in MB; it grows on retry."
    )

    @field_validator("command")
    @classmethod
    def _told_where(cls, command: list[str]) -> list[str]:
        for needed, what in (("{prompts}", "the prompts file"), ("{outputs}", "the folder for the videos")):
            if not any(needed in part for part in command[1:]):
                raise ValueError(f"no argument holds `{needed}`, by which the command learns {what}")
        return command


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


Model = Annotated[Diffusers | Command | Videos | Planted | Oracle | Replay, Field(discriminator="kind")]
KNOWN = ("planted", "oracle", "replay")  # kinds that the workflow makes itself, whose truth is known
