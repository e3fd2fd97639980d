"""What does recording cost? Run by hand, with one thread:

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python bench/speed/recording.py --out bench/speed

Writes recording.csv. Real diffusers pipelines with random weights at a width at which the denoiser is what takes time
as it is in a real model: ModelScope's U-Net with 64 and 128 channels, and Wan's transformer of width 256, both on
16 x 16 latents. A pair is the same call to the pipeline with the recorder and without, in an order that changes from
pair to pair; text is encoded beforehand and nothing is decoded, which leaves the denoising steps alone. A pair's ratio
is that of its processor seconds (of the clock on a GPU, waited for), for others may use the machine. Given are the
median ratio, its 95 % bootstrap interval, and the same of two calls without a recorder, which is the noise. Where that
is wider than what is measured, the seconds spent in the recorder's own code tell more: `recorder_share` is the median
of their share of the call. About five minutes.

On a GPU, `--device cuda` measures the models at their full size, with random weights in bfloat16.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLWan,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    TextToVideoSDPipeline,
    UNet3DConditionModel,
    WanPipeline,
    WanTransformer3DModel,
)
from machine import machine, write_csv

from vidmem.generate.recorder import Recorder, latent_frames

Floats = np.ndarray[Any, np.dtype[np.float64]]
GUIDANCE = 4.0


@dataclass(frozen=True)
class Case:
    """A pipeline without text encoder, and how it is called."""

    name: str
    what: str
    pipeline: Any
    call: dict[str, Any]
    frames: int


def modelscope(device: str) -> Case:
    """ModelScope's U-Net; at full size its own configuration, 1.4 billion parameters."""
    full = device == "cuda"
    channels, context, frames, latent = ((320, 640, 1280, 1280), 1024, 16, 32) if full else ((64, 128), 64, 8, 16)
    last = len(channels) - 1
    with torch.device(device):  # a full-size network's random weights take a minute on a CPU
        unet = UNet3DConditionModel(
            block_out_channels=channels,
            layers_per_block=2 if full else 1,
            sample_size=latent,
            down_block_types=("CrossAttnDownBlock3D",) * last + ("DownBlock3D",),
            up_block_types=("UpBlock3D",) + ("CrossAttnUpBlock3D",) * last,
            cross_attention_dim=context,
            attention_head_dim=64 if full else 32,
        )
    vae = AutoencoderKL(block_out_channels=(8, 8, 8, 8), down_block_types=("DownEncoderBlock2D",) * 4,
                        up_block_types=("UpDecoderBlock2D",) * 4, norm_num_groups=2, latent_channels=4)  # fmt: skip
    pipeline = TextToVideoSDPipeline(
        vae=vae, text_encoder=None, tokenizer=None, unet=unet, scheduler=DDIMScheduler(clip_sample=False)
    )
    size = latent * 8
    call = {"num_frames": frames, "width": size, "height": size, **embeddings(77, context)}
    return Case("ModelScope", f"U-Net {channels}, latents {frames} x {latent} x {latent}", pipeline, call, frames)


def wan(device: str) -> Case:
    """Wan 2.1's transformer; at full size that of the 1.3 B model, 480 x 832."""
    full = device == "cuda"
    heads, head, depth, ffn, frames = (12, 128, 30, 8960, 81) if full else (4, 64, 4, 1024, 17)
    height, width = (480, 832) if full else (128, 128)
    text = 4096 if full else 128
    with torch.device(device):
        transformer = WanTransformer3DModel(
            num_attention_heads=heads, attention_head_dim=head, text_dim=text, ffn_dim=ffn, num_layers=depth
        )
    vae = AutoencoderKLWan(base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1)
    pipeline = WanPipeline(
        vae=vae, text_encoder=None, tokenizer=None, transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )  # fmt: skip
    call = {"num_frames": frames, "width": width, "height": height, **embeddings(512 if full else 64, text)}
    latents = f"{(frames - 1) // 4 + 1} x {height // 8} x {width // 8}"
    what = f"transformer of {depth} layers, width {heads * head}, latents {latents}"
    return Case("Wan 2.1", what, pipeline, call, frames)


def embeddings(tokens: int, width: int) -> dict[str, torch.Tensor]:
    """What a text encoder would have said of the prompt and of the empty one."""
    noise = torch.Generator().manual_seed(0)
    names = ("prompt_embeds", "negative_prompt_embeds")
    return {name: torch.randn(1, tokens, width, generator=noise) for name in names}


class Timed(Recorder):
    """A recorder that counts the processor seconds of its own code: in all but the scheduler's own step."""

    seconds = 0.0

    def __enter__(self) -> Timed:
        super().__enter__()
        self._original = self._counted(self._original, -1)
        return self

    def _heard(self, *args: Any) -> None:
        self._counted(super()._heard, 1)(*args)

    def _step(self, *args: Any, **kwargs: Any) -> Any:
        return self._counted(super()._step, 1)(*args, **kwargs)

    def _counted(self, function: Callable[..., Any], sign: int) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds += sign * (time.process_time() - start)

        return call


def sampling(case: Case, steps: int, device: str, recorded: bool) -> tuple[float, float]:
    """Seconds of one call (of the processor, on a GPU of the clock), and those of the recorder's own code."""
    clock: Callable[[], float] = time.perf_counter if device == "cuda" else time.process_time
    own = 0.0
    generator = torch.Generator("cpu").manual_seed(0)
    arguments = {**case.call, "num_inference_steps": steps, "guidance_scale": GUIDANCE, "generator": generator}
    wait(device)
    start = clock()
    with torch.inference_mode():
        if recorded:
            frames = latent_frames(case.pipeline, case.frames)
            with Timed(case.pipeline, videos=1, guidance_scale=GUIDANCE, latent_frames=frames) as recorder:
                case.pipeline(**arguments, output_type="latent")
            own = recorder.seconds
            assert {row["status"] for row in recorder.rows[0]} == {"ok"}
            assert len(recorder.rows[0]) == steps
        else:
            case.pipeline(**arguments, output_type="latent")
    wait(device)
    return clock() - start, own


def wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def measure(case: Case, steps: int, pairs: int, device: str) -> dict[str, Any]:
    """The row of one pipeline."""
    sampling(case, steps, device, recorded=True)  # what is set up once
    with_it, without, again, own = (np.empty(pairs) for _ in range(4))
    for n in range(pairs):
        order = [(with_it, True), (without, False), (again, False)]
        for seconds, recorded in order if n % 2 else order[::-1]:
            seconds[n], mine = sampling(case, steps, device, recorded)
            own[n] = mine if recorded else own[n]
    plain = (without + again) / 2
    ratio, low, high = interval(with_it / plain)
    _, null_low, null_high = interval(again / without)
    return {
        "pipeline": case.name,
        "denoiser": case.what,
        "steps": steps,
        "pairs": pairs,
        "seconds_a_step": round(float(np.median(plain)) / steps, 4),
        "with_recorder_over_without": round(ratio, 4),
        "ratio_low": round(low, 4),
        "ratio_high": round(high, 4),
        "without_over_without_low": round(null_low, 4),
        "without_over_without_high": round(null_high, 4),
        "recorder_share": round(float(np.median(own / with_it)), 5) if device == "cpu" else None,  # a GPU's is queued
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        **machine(),
    }


def interval(ratios: Floats) -> tuple[float, float, float]:
    """The median, and its 95 % bootstrap interval."""
    draws = np.random.default_rng(0).choice(ratios, (2000, len(ratios)))
    low, high = np.quantile(np.median(draws, axis=1), [0.025, 0.975])
    return float(np.median(ratios)), float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("bench/speed"))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=19)
    given = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rows = []
    for build in (modelscope, wan):
        case = build(given.device)
        case.pipeline.set_progress_bar_config(disable=True)
        if given.device == "cuda":
            case.pipeline.to("cuda", torch.bfloat16)
            call = {k: v.to("cuda", torch.bfloat16) if torch.is_tensor(v) else v for k, v in case.call.items()}
            case = replace(case, call=call)
        rows.append(measure(case, given.steps, given.pairs, given.device))
        print(rows[-1], flush=True)
    write_csv(given.out / ("recording.csv" if given.device == "cpu" else "recording_gpu.csv"), rows)


if __name__ == "__main__":
    main()
