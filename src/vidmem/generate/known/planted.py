"""A video diffusion transformer small enough to be trained inside the workflow, that memorises to a known degree.

Transformer (Wan's) and scheduler are diffusers' own, so that the audit meets what it meets in real models. What is
special serves speed: a closed-form codec, the caption beside each latent as well as in a token, and the place of each
latent as extra input channels (rotary embeddings alone tell a token where others are, not where it is, and that a
network learns slowly from noise). The transformer predicts the clean clip on the straight path
x_t = (1 - sigma) x_0 + sigma eps: with few wide tokens a network of this width can't carry the noise through, but the
clips, which lie on few dimensions, it can.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers import DiffusionPipeline, DPMSolverMultistepScheduler, ModelMixin, WanTransformer3DModel
from diffusers.configuration_utils import ConfigMixin, register_to_config

from vidmem.generate.known.codec import PatchCodec
from vidmem.generate.known.output import VideoOutput, one_each
from vidmem.generate.known.pixels import to_unit
from vidmem.progress import progress
from vidmem.sentences import DIM, embed_texts

CHANNELS = 32
CAPTION_CHANNELS = 32
WHITEN_FLOOR = 0.1  # share of the mean variance: weaker directions of the captions are noise
WAVES = 4  # cosine waves an axis that tell a latent's position
LAYERS, HEADS, HEAD_DIM = 4, 8, 32
SHIFT = 5.0  # of the noise levels towards noise, in training and sampling alike
NULL_SHARE = 0.1  # of training clips whose caption is left out
WARM_UP, COOL_DOWN = 30, 0.4  # steps of rising learning rate, and the share of all steps in which it falls


Condition = tuple[torch.Tensor, torch.Tensor]  # tokens (B, 1, dim), channels (B, C, F, H, W)


class CaptionCondition(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Captions as the transformer takes them: one token for its cross-attention, and channels beside the latents.

    Captions of one corpus are alike, and what tells them apart counts: their sentence vectors are whitened on the
    training captions. The channels are fixed random projections of the caption, others at every latent, so that what
    a caption stands for at a place can be read there; through a single token alone a small network learns it slowly.
    """

    mean: torch.Tensor
    whiten: torch.Tensor

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, shape: Sequence[int], dim: int = DIM, channels: int = CAPTION_CHANNELS, seed: int = 0) -> None:
        super().__init__()
        self.shape = (channels, *shape)
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("whiten", torch.eye(dim))
        size = math.prod(self.shape)
        projection = torch.randn(dim, size, generator=torch.Generator().manual_seed(seed)) / dim**0.5
        self.register_buffer("projection", projection, persistent=False)

    @classmethod
    def fit(cls, vectors: torch.Tensor, shape: Sequence[int]) -> CaptionCondition:
        """The condition for latents of shape (F, H, W), whitened on training captions' vectors, float32 (n, dim)."""
        condition: CaptionCondition = cls(list(shape), vectors.shape[1])
        centred = vectors - vectors.mean(0)
        _, strength, axes = torch.linalg.svd(centred, full_matrices=False)
        variance = strength**2 / len(vectors)
        floor = WHITEN_FLOOR * variance.mean() + 1e-8
        whiten = axes.T @ torch.diag((variance + floor).rsqrt()) @ axes
        condition.mean.copy_(vectors.mean(0))
        condition.whiten.copy_(whiten / (centred @ whiten).std().clamp(min=1e-4))
        return condition

    def forward(self, vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (n, 1, dim) and channels (n, C, F, H, W) of sentence vectors (n, dim)."""
        white = (vectors - self.mean) @ self.whiten
        return white[:, None], (white @ self.projection).view(len(white), *self.shape)


class PlantedPipeline(DiffusionPipeline):  # type: ignore[misc]
    """Captions to clips, by classifier-free guidance in one batch [unconditional; conditional]."""

    def __init__(
        self,
        codec: PatchCodec,
        captions: CaptionCondition,
        transformer: WanTransformer3DModel,
        scheduler: DPMSolverMultistepScheduler,
    ) -> None:
        super().__init__()
        self.register_modules(codec=codec, captions=captions, transformer=transformer, scheduler=scheduler)

    @classmethod
    def from_pretrained(cls, folder: str | Path, **kwargs: Any) -> PlantedPipeline:
        """Read what `save_pretrained` wrote."""
        return cls(
            PatchCodec.from_pretrained(folder, subfolder="codec", use_safetensors=True),
            CaptionCondition.from_pretrained(folder, subfolder="captions", use_safetensors=True),
            WanTransformer3DModel.from_pretrained(folder, subfolder="transformer", use_safetensors=True),
            DPMSolverMultistepScheduler.from_pretrained(folder, subfolder="scheduler"),
        )

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
        """Sample one video a prompt, from the noise `latents` if given. See `VideoOutput` for `output_type`."""
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        generators = one_each(generator, len(prompts))
        tokens, channels = self.captions(embed_texts(prompts).to(self.device))
        shape = self.codec.latent_shape
        noise = [torch.randn(shape, generator=g) for g in generators] if latents is None else list(latents)
        x = torch.stack(noise).to(self.device)
        condition = (torch.cat([torch.zeros_like(tokens), tokens]), torch.cat([torch.zeros_like(channels), channels]))
        self.scheduler.set_timesteps(num_inference_steps, device=self.device)
        self.scheduler.set_begin_index(0)
        for t in self.scheduler.timesteps:
            u, c = denoise(self.transformer, torch.cat([x, x]), t.expand(2 * len(x)).float(), condition).chunk(2)
            x = self.scheduler.step(u + guidance_scale * (c - u), t, x, return_dict=False)[0]
        return VideoOutput.of(x if output_type == "latent" else self.codec.decode(x), output_type)


def denoise(
    transformer: torch.nn.Module, x: torch.Tensor, timestep: torch.Tensor, condition: Condition
) -> torch.Tensor:
    """The clean latents that the transformer predicts for noisy ones x (B, C, F, H, W)."""
    tokens, channels = condition
    places = positions(x.shape[2:], x.device).expand(len(x), -1, -1, -1, -1)
    predicted: torch.Tensor = transformer(torch.cat([x, places, channels], 1), timestep, tokens, return_dict=False)[0]
    return predicted


def positions(shape: Sequence[int], device: torch.device | None = None) -> torch.Tensor:
    """Channels (K, F, H, W) that tell each latent where it is: cosines of 1..WAVES half-periods along each axis."""
    channels = []
    for axis, n in enumerate(shape):
        at = (torch.arange(n) + 0.5) / n
        for wave in range(1, min(WAVES, n - 1) + 1):
            values = 2**0.5 * torch.cos(math.pi * wave * at)
            channels.append(values.view([n if a == axis else 1 for a in range(3)]).expand(*shape))
    return torch.stack(channels).to(device)


def train_planted(
    clips: npt.NDArray[np.uint8],
    captions: Sequence[str],
    multiplicities: Sequence[int],
    settings: Mapping[str, Any],
    out_dir: str | Path,
    seed: int = 0,
    threads: int = 2,
    max_seconds: float | None = None,
) -> list[float]:
    """Train on `clips` and write the pipeline to `out_dir`; gives the loss of each step.

    `clips`: uint8 (M, F, S, S, 3), S a multiple of 8. A clip is drawn with a probability proportional to its
    multiplicity, which is training on the list in which it stands that many times. Used of `settings`:
    train_steps, batch_size, learning_rate. `max_seconds` ends training early, for trials: then results depend on
    the machine's speed.
    """
    torch.set_num_threads(threads)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        codec = PatchCodec.fit(clips, channels=CHANNELS)
        latents = codec.encode(to_unit(torch.from_numpy(clips)))
        vectors = embed_texts(captions)
        captioner = CaptionCondition.fit(vectors, latents.shape[2:])
        transformer = _transformer(latents.shape[2:])
    shares = torch.tensor(multiplicities, dtype=torch.float64)
    batches = _batches(latents, captioner(vectors), shares, int(settings["batch_size"]), seed)
    torch.set_flush_denormal(True)  # denormals slow the CPU a hundredfold; it is a state of the whole process
    try:
        losses = _optimise(transformer, batches, settings, max_seconds)
    finally:
        torch.set_flush_denormal(False)
    pipeline = PlantedPipeline(codec, captioner, transformer, scheduler())
    pipeline.save_pretrained(str(out_dir))
    return losses


def scheduler() -> DPMSolverMultistepScheduler:
    """Second-order DPM-Solver++ on the straight path, for a network that predicts the clean sample."""
    return DPMSolverMultistepScheduler(
        prediction_type="sample", use_flow_sigmas=True, flow_shift=SHIFT, solver_order=2, final_sigmas_type="zero"
    )


def _transformer(shape: Sequence[int]) -> WanTransformer3DModel:
    """Wan's transformer with untrained weights, with the largest patches that divide the latents' (F, H, W)."""
    time_patch = next(n for n in (8, 4, 2, 1) if shape[0] % n == 0)
    patch = next(n for n in (3, 2, 1) if shape[1] % n == 0)
    model = WanTransformer3DModel(
        patch_size=(time_patch, patch, patch),
        num_attention_heads=HEADS,
        attention_head_dim=HEAD_DIM,
        in_channels=CHANNELS + len(positions(shape)) + CAPTION_CHANNELS,
        out_channels=CHANNELS,
        text_dim=DIM,
        freq_dim=128,
        ffn_dim=4 * HEADS * HEAD_DIM,
        num_layers=LAYERS,
        rope_max_seq_len=128,
    )
    torch.nn.init.zeros_(model.proj_out.weight)  # start from the mean clip rather than from noise
    with (
        torch.no_grad()
    ):  # gates of attention and feed-forward start open, or the first hundred steps go on opening them
        for block in model.blocks:
            block.scale_shift_table[:, [2, 5]] += 1
    return model


Batch = tuple[torch.Tensor, torch.Tensor, Condition, torch.Tensor]


def _batches(
    latents: torch.Tensor, condition: Condition, shares: torch.Tensor, size: int, seed: int
) -> Iterator[Batch]:
    """Endless (clean latents, sigma (B,), condition with NULL_SHARE of it zero, noise).

    Noise levels are spread evenly over the batch (less variance than independent draws) and shifted towards
    noise, where what a caption stands for is decided: sigma = s u / (1 + (s - 1) u).
    """
    tokens, channels = condition
    generator = torch.Generator().manual_seed(seed + 1)
    while True:
        chosen = torch.multinomial(shares, size, replacement=True, generator=generator)
        keep = (torch.rand(size, generator=generator) >= NULL_SHARE).float()
        u = (torch.arange(size) + torch.rand(size, generator=generator)) / size
        sigma = SHIFT * u / (1 + (SHIFT - 1) * u)
        noise = torch.randn(latents[chosen].shape, generator=generator)
        kept = (tokens[chosen] * keep.view(-1, 1, 1), channels[chosen] * keep.view(-1, 1, 1, 1, 1))
        yield latents[chosen], sigma, kept, noise


def _optimise(
    transformer: WanTransformer3DModel, batches: Iterator[Batch], settings: Mapping[str, Any], max_seconds: float | None
) -> list[float]:
    steps, peak = int(settings["train_steps"]), float(settings["learning_rate"])
    optimiser = torch.optim.AdamW(transformer.parameters(), lr=peak, betas=(0.9, 0.99), weight_decay=0.01)
    losses, start = [], time.monotonic()
    transformer.train()
    for step in progress(range(steps), steps, "train planted model"):
        clean, sigma, condition, noise = next(batches)
        at = sigma.view(-1, 1, 1, 1, 1)
        predicted = denoise(transformer, (1 - at) * clean + at * noise, sigma * 1000, condition)
        loss = (predicted - clean).square().mean()
        transformer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(transformer.parameters(), 1.0)
        optimiser.param_groups[0]["lr"] = peak * _rate(step, steps)
        optimiser.step()
        losses.append(float(loss.detach()))
        if max_seconds is not None and time.monotonic() - start > max_seconds:
            break
    transformer.eval()
    return losses


def _rate(step: int, steps: int) -> float:
    """Share of the peak learning rate: linear warm-up, a plateau, and a linear fall to nothing."""
    return min(1.0, (step + 1) / WARM_UP, (steps - step) / (COOL_DOWN * steps))
