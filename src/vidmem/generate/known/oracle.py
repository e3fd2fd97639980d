"""The closed-form optimum of the denoising objective on a finite set of clips: it can do nothing but reproduce.

For x_t = sqrt(abar) x_0 + sqrt(1 - abar) eps and clips y_1..y_n with equal weights, the least-squares denoiser is

    eps(x_t, c) = (x_t - sqrt(abar) E[x_0 | x_t, c]) / sqrt(1 - abar)
    E[x_0 | x_t, c] = sum_i w_i m_i,   w = softmax_i(-||x_t - sqrt(abar) y_i||^2 / (2 (abar b^2 + 1 - abar)))
    m_i = y_i + b^2 sqrt(abar) / (abar b^2 + 1 - abar) * (x_t - sqrt(abar) y_i)

over the clips of the prompt (all clips for the null condition). With b = 0 each clip is a point and m_i = y_i; with
b > 0 it is a Gaussian of standard deviation b about the clip, and samples scatter around it (Gu et al. 2310.02664;
Baptista et al. 2501.15785). No training: what it memorised is known because it was written down.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from safetensors.torch import load_file, save_file

from vidmem import text
from vidmem.generate.known.output import VideoOutput, one_each
from vidmem.generate.known.pixels import to_uint8, to_unit

NULL = ""  # the key of the null condition in a support table


class PosteriorMean(torch.nn.Module):
    """The denoiser: eps(x_t, c) of the docstring above.

    `clips`: float32 (n, F, 3, S, S) in [-1, 1]. `support`: key (prompt_id) to row numbers of `clips`. `bandwidth`
    is b, in the clips' units ([-1, 1]).
    """

    clips: torch.Tensor
    squares: torch.Tensor

    def __init__(self, clips: torch.Tensor, support: Mapping[str, Sequence[int]], bandwidth: float) -> None:
        super().__init__()
        self.register_buffer("clips", clips.movedim(2, 1).contiguous())  # (n, 3, F, S, S), as latents are
        self.register_buffer("squares", self.clips.double().flatten(1).square().sum(1))
        self.support = {key: list(rows) for key, rows in support.items()}
        self.bandwidth = bandwidth

    def forward(self, x: torch.Tensor, alpha_bar: float, keys: Sequence[str]) -> torch.Tensor:
        """eps of noisy clips x (B, 3, F, S, S) under the condition that each key names (NULL: all clips).

        With b the same for all clips, sum_i w_i m_i = (1 - k sqrt(abar)) sum_i w_i y_i + k x, where
        k = b^2 sqrt(abar) / variance. Weights are taken in float64 and log space; ||x||^2 cancels in them.
        """
        signal, noise = alpha_bar**0.5, (1 - alpha_bar) ** 0.5
        variance = alpha_bar * self.bandwidth**2 + 1 - alpha_bar
        y = self.clips.flatten(1)
        inner = (x.flatten(1) @ y.T).double()
        logits = (2 * signal * inner - alpha_bar * self.squares) / (2 * variance)
        weights = torch.softmax(logits + self._allowed(keys).log(), 1)
        used = (weights > 1e-12).any(0)  # late in sampling one clip is left: read no others
        mean = (weights[:, used].to(y.dtype) @ y[used]).view_as(x)
        k = self.bandwidth**2 * signal / variance
        epsilon: torch.Tensor = (x - signal * ((1 - k * signal) * mean + k * x)) / noise
        return epsilon

    def _allowed(self, keys: Sequence[str]) -> torch.Tensor:
        """1 where a clip belongs to the key's support, else 0: float64 (len(keys), n)."""
        mask = torch.zeros(len(keys), len(self.clips), dtype=torch.float64, device=self.clips.device)
        for row, key in enumerate(keys):
            mask[row, slice(None) if key == NULL else self.support[key]] = 1
        return mask


class OraclePipeline:
    """A pipeline around `PosteriorMean`, sampled by DDIM with classifier-free guidance in one batch.

    It is called as a diffusers pipeline is, and is none: importing what those need takes half of a short job.
    It works on pixels. Prompts are looked up by `text.prompt_id`; one that has no clips raises `KeyError`.
    """

    def __init__(self, transformer: PosteriorMean, scheduler: DDIMScheduler) -> None:
        self.transformer, self.scheduler = transformer, scheduler

    @property
    def device(self) -> torch.device:
        """Where the clips are."""
        return self.transformer.clips.device

    def to(self, *args: Any, **kwargs: Any) -> OraclePipeline:
        """Move the clips as torch.nn.Module.to does."""
        self.transformer.to(*args, **kwargs)
        return self

    def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> None:
        """Write model_index.json, clips.safetensors (uint8), support.json and the scheduler's folder."""
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        clips = torch.from_numpy(np.ascontiguousarray(to_uint8(self.transformer.clips.movedim(1, 2))))
        save_file({"clips": clips}, folder / "clips.safetensors")
        table = {"bandwidth": self.transformer.bandwidth, "support": self.transformer.support}
        (folder / "support.json").write_text(json.dumps(table, sort_keys=True, indent=1) + "\n", encoding="utf-8")
        self.scheduler.save_pretrained(folder / "scheduler")
        index = {"_class_name": "OraclePipeline", "scheduler": ["diffusers", type(self.scheduler).__name__]}
        (folder / "model_index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def from_pretrained(cls, folder: str | Path, **kwargs: Any) -> OraclePipeline:
        """Read what `save_pretrained` wrote."""
        folder = Path(folder)
        clips = to_unit(load_file(folder / "clips.safetensors")["clips"])
        table = json.loads((folder / "support.json").read_text(encoding="utf-8"))
        denoiser = PosteriorMean(clips, table["support"], float(table["bandwidth"]))
        return cls(denoiser, DDIMScheduler.from_pretrained(folder / "scheduler"))

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str],
        num_inference_steps: int = 30,
        guidance_scale: float = 3.0,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        output_type: str = "np",
        latents: torch.Tensor | None = None,
    ) -> VideoOutput:
        """Sample one video a prompt, from the noise `latents` (B, 3, F, S, S) if given.

        Frames are float32 (B, F, S, S, 3) in [0, 1], or uint8 for output_type "uint8".
        """
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        generators = one_each(generator, len(prompts))
        keys = [text.prompt_id(p) for p in prompts]
        unknown = [p for p, key in zip(prompts, keys, strict=True) if key not in self.transformer.support]
        if unknown:
            raise KeyError(f"the oracle has no clips for the prompt {unknown[0]!r}")
        self.scheduler.set_timesteps(num_inference_steps)
        shape = self.transformer.clips.shape[1:]
        noise = [torch.randn(shape, generator=g) for g in generators] if latents is None else list(latents)
        x = torch.stack(noise).to(self.device)
        guided = guidance_scale != 1
        for t in self.scheduler.timesteps:
            abar = float(self.scheduler.alphas_cumprod[int(t)])
            if guided:
                u, c = self.transformer(torch.cat([x, x]), abar, [NULL] * len(keys) + keys).chunk(2)
                e = u + guidance_scale * (c - u)
            else:
                e = self.transformer(x, abar, keys)
            x = self.scheduler.step(e, t, x, eta=0.0, return_dict=False)[0]
        return VideoOutput.of(x.movedim(1, 2), output_type)


def build_oracle(
    support: Sequence[tuple[str, str, Sequence[int]]],
    clips: npt.NDArray[np.uint8],
    settings: Mapping[str, Any],
    out_dir: str | Path,
) -> None:
    """Write the pipeline folder of an oracle.

    `support`: (prompt_id, text, rows of `clips`) of each prompt; `clips`: uint8 (n, F, S, S, 3). Of `settings`
    `bandwidth` is used: in units of the standard deviation of all pixels of all clips.
    """
    for prompt_id, caption, _ in support:
        if prompt_id != text.prompt_id(caption):
            raise ValueError(f"prompt_id {prompt_id} is not that of its text {caption!r}")
    unit = to_unit(torch.from_numpy(np.ascontiguousarray(clips)))
    width = float(settings.get("bandwidth", 0.0)) * float(unit.double().std())
    denoiser = PosteriorMean(unit, {key: [int(r) for r in rows] for key, _, rows in support}, width)
    OraclePipeline(denoiser, oracle_scheduler()).save_pretrained(out_dir)


def oracle_scheduler() -> DDIMScheduler:
    """DDIM on the linear-in-sqrt schedule of latent diffusion, ending on the clean sample, nothing clipped.

    The last step goes to alpha_bar = 1, so that with bandwidth 0 a sample is the posterior mean, a clip exactly.
    """
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
        timestep_spacing="leading",
    )
