"""Embeddings of frames, and optical flow."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from vidmem.config.base import Section


class Frames(Section):
    """Copy-detection vectors of frames."""

    engine: Literal["sscd-int8", "sscd-distilled", "sscd"] = Field(
        "sscd-int8",
        description="`sscd-int8`: SSCD disc-mixup as int8 ONNX from an installed package, no download. "
        "`sscd-distilled`: a smaller student, three times as fast. `sscd`: the authors' TorchScript file, by `weights` "
        "and `sha256`.",
    )
    weights: str | None = Field(None, description="Path or https URL of the TorchScript file (engine `sscd`).")
    sha256: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="Hash of the TorchScript file; it is code, so it must be pinned."
    )
    rate_hz: float = Field(4.0, gt=0, description="Frames sampled a second of video.")
    max_frames: int = Field(32, ge=1, description="Most frames embedded of one video, spread evenly.")
    short_edge: int = Field(
        128,
        ge=64,
        le=1024,
        description="Short edge in pixels before embedding. SSCD's own is 288; degraded copies of frames up to some "
        "200 pixels high are told from others better at 128. Raise it where both sides are large and details matter.",
    )
    min_std: float = Field(
        6.0, ge=0, description="Frames whose grey-level standard deviation (0..255) is lower match anything: left out."
    )
    batch_size: int = Field(16, ge=1, description="Frames embedded at once.")
    device: Literal["cpu", "cuda"] = Field(
        "cpu",
        description="Where the network runs. `cuda`: on a GPU, which every job of features then asks for (engine "
        "`sscd` only; give it a larger `batch_size` there).",
    )

    @model_validator(mode="after")
    def _on_a_gpu(self) -> Frames:
        if self.device == "cuda" and self.engine != "sscd":
            raise ValueError(f"engine {self.engine!r} runs on the CPU: drop `device`, or take engine 'sscd'")
        return self

    @model_validator(mode="after")
    def _pinned(self) -> Frames:
        if self.engine == "sscd" and not (self.weights and self.sha256):
            raise ValueError("engine 'sscd' needs `weights` (path or https URL) and `sha256`")
        return self


class Flow(Section):
    """Optical flow between neighbouring frames at a common rate."""

    engine: Literal["dis", "raft_small", "raft_large"] = Field(
        "dis",
        description="`dis`: OpenCV's DIS flow, no weights. `raft_*`: torchvision's RAFT; weights by path or download.",
    )
    weights: str | None = Field(
        None, description="Path of a RAFT state dict (.safetensors, or .pth read without pickle)."
    )

    @field_validator("weights")
    @classmethod
    def _tensors_alone(cls, weights: str | None) -> str | None:
        if weights is not None and not weights.lower().endswith((".safetensors", ".pth")):
            raise ValueError(f"{weights!r} is neither .safetensors nor .pth, of which tensors alone are read")
        return weights

    device: Literal["cpu", "cuda"] = Field(
        "cpu",
        description="Where the network runs. `cuda`: on a GPU, which every job of features then asks for (engines "
        "`raft_*` only).",
    )

    @model_validator(mode="after")
    def _on_a_gpu(self) -> Flow:
        if self.device == "cuda" and self.engine == "dis":
            raise ValueError("engine 'dis' runs on the CPU: drop `device`, or take engine 'raft_small' or 'raft_large'")
        return self

    rate_hz: float = Field(8.0, gt=0, description="Common frame rate at which motion is compared, in frames a second.")
    max_flows: int = Field(64, ge=1, description="Most flow fields kept of one video.")
    size: int = Field(128, ge=64, multiple_of=8, description="Short edge in pixels at which flow is computed.")
    grid: int = Field(16, ge=4, le=64, description="Side of the grid on which flow is averaged.")


class Features(Section):
    """What is extracted of every video, generated or reference."""

    frames: Frames = Field(default_factory=Frames, description="Copy-detection vectors.")
    flow: Flow = Field(default_factory=Flow, description="Optical flow.")
    sampling: Literal["rate", "count", "shot"] = Field(
        "rate",
        description="Which frames are embedded. `rate`: `frames.rate_hz` a second, thinned to `frames.max_frames`. "
        "`count`: `frames.max_frames` of every video, evenly over its length. `shot`: three of every shot, for corpora "
        "of cut films. Only with `rate` are two videos sampled alike in time, which `gsscd_k`, `vsscd` and matched "
        "times suppose; the other two decode every video twice.",
    )
    crop: Literal["none", "centre"] = Field(
        "centre",
        description="What is compared of each frame. `centre`: the largest centred square, for models crop their "
        "training videos so. `none`: the whole frame; better where generated and reference videos are equally wide.",
    )
    corpus_chunks: int = Field(
        1,
        ge=1,
        description="Jobs that the corpus is cut into, by its order. About one for 2,000 clips, whose vectors a job "
        "holds in memory.",
    )
    max_loss: float = Field(
        0.05, ge=0, le=1, description="Largest share of videos without features before the stage fails."
    )
