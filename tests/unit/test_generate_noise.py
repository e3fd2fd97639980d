"""Conversion to epsilon, held to known answers: a denoiser that knows the noise exactly, in every parameterisation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import (
    CogVideoXDPMScheduler,
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
)

from vidmem.generate.layouts import LAYOUTS, find_layout, like
from vidmem.generate.noise import NoiseLevel, UnknownParameterisation, epsilon, epsilon_difference, noise_level

CLEAN = torch.randn(1, 4, 5, 6, 6, generator=torch.Generator().manual_seed(1))
NOISE = torch.randn(1, 4, 5, 6, 6, generator=torch.Generator().manual_seed(2))
OTHER = torch.randn(1, 4, 5, 6, 6, generator=torch.Generator().manual_seed(3))


def predict(level: NoiseLevel, x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """What a denoiser says that takes `noise` for the noise in x: from the definitions, solved for its output."""
    clean = (x - level.sigma * noise) / level.signal
    if level.prediction == "epsilon":
        return noise
    if level.prediction == "sample":
        return clean
    return noise - clean if level.path == "flow" else level.signal * noise - level.sigma * clean


SCHEDULERS: list[Any] = [
    DDIMScheduler(),
    DDPMScheduler(prediction_type="v_prediction"),
    DDIMScheduler(prediction_type="sample"),
    CogVideoXDPMScheduler(prediction_type="v_prediction"),
    EulerDiscreteScheduler(),
    EulerDiscreteScheduler(prediction_type="v_prediction"),
    FlowMatchEulerDiscreteScheduler(shift=3.0),
    UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True),
    DPMSolverMultistepScheduler(prediction_type="sample", use_flow_sigmas=True),
    DPMSolverMultistepScheduler(),
]


def named(scheduler: Any) -> str:
    return f"{type(scheduler).__name__}-{scheduler.config.get('prediction_type', 'flow')}"


@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=named)
@pytest.mark.parametrize("step", [1, 5, 9])
def test_epsilon_is_the_noise_that_was_put_in(scheduler: Any, step: int) -> None:
    scheduler.set_timesteps(10)
    level = noise_level(scheduler, step, float(scheduler.timesteps[step]))
    x = level.signal * CLEAN + level.sigma * NOISE
    sample = x / level.scale  # as the scheduler keeps it
    said, said_other = predict(level, x, NOISE), predict(level, x, OTHER)
    assert torch.allclose(epsilon(said, sample, level), NOISE, atol=2e-4)
    assert torch.allclose(epsilon_difference(said_other - said, level), OTHER - NOISE, atol=2e-3)
    assert level.alpha_bar == pytest.approx(level.signal**2 / (level.signal**2 + level.sigma**2))


def test_schedulers_noise_levels_are_their_own() -> None:
    """x_t as the scheduler's add_noise makes it."""
    ddim, flow, euler = DDIMScheduler(), FlowMatchEulerDiscreteScheduler(), EulerDiscreteScheduler()
    for scheduler in (ddim, flow, euler):
        scheduler.set_timesteps(10)
        t = scheduler.timesteps[4:5]
        level = noise_level(scheduler, 4, float(t))
        noisy = scheduler.scale_noise(CLEAN, t, NOISE) if scheduler is flow else scheduler.add_noise(CLEAN, NOISE, t)
        assert torch.allclose(noisy * level.scale, level.signal * CLEAN + level.sigma * NOISE, atol=1e-4)


def test_the_first_flow_step_does_not_hide_the_difference() -> None:
    scheduler = FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(10)
    level = noise_level(scheduler, 0, 1000.0)
    assert level.sigma == 1 and level.alpha_bar == 0
    assert torch.allclose(epsilon_difference(OTHER, level), OTHER / 1000)


def test_unknown_parameterisations_are_refused() -> None:
    scheduler = DDIMScheduler(prediction_type="epsilon")
    scheduler.register_to_config(prediction_type="score")
    with pytest.raises(UnknownParameterisation, match="score"):
        noise_level(scheduler, None, 10.0)


def test_layouts_are_told_apart_by_the_identity() -> None:
    u, c = CLEAN, OTHER
    handed = u + 3.0 * (c - u)
    for outputs, expected in (
        ([torch.cat([u, c])], "one batch, unconditional first"),
        ([torch.cat([c, u])], "one batch, conditional first"),
        ([c, u], "two calls, conditional first"),
        ([u, c], "two calls, unconditional first"),
    ):
        names, pair, error = find_layout(outputs, handed, [3.0], list(LAYOUTS))
        assert names == [expected] and error == 0
        assert pair is not None and torch.equal(pair[0], u) and torch.equal(pair[1], c)


def test_no_layout_is_found_where_the_identity_fails() -> None:
    handed = CLEAN + 3.0 * (OTHER - CLEAN)
    for outputs in ([torch.cat([CLEAN, OTHER + 0.1])], [NOISE, OTHER], [CLEAN], [CLEAN, OTHER, NOISE]):
        names, pair, _ = find_layout(outputs, handed, [3.0], list(LAYOUTS))
        assert names == [] and pair is None
    names, pair, error = find_layout([torch.cat([CLEAN, OTHER])], handed, [2.0], list(LAYOUTS))
    assert pair is None and error > 0.01


def test_learned_variances_and_flattened_frames_are_brought_to_the_schedulers_shape() -> None:
    variances = torch.cat([CLEAN, OTHER], dim=1)
    half = like(variances, CLEAN.shape)
    assert half is not None and torch.equal(half, CLEAN)
    flat = like(CLEAN, torch.Size([5, 4, 6, 6]))
    assert flat is not None and torch.equal(flat[2], CLEAN[0, :, 2])
    assert like(CLEAN, torch.Size([5, 3, 6, 6])) is None
    u, c = (torch.cat([x, NOISE], dim=1) for x in (CLEAN, OTHER))  # Latte: guided over all channels, then cut
    names, pair, _ = find_layout([torch.cat([u, c])], CLEAN + 7.5 * (OTHER - CLEAN), [7.5], list(LAYOUTS))
    assert names == ["one batch, unconditional first"]
    assert pair is not None and torch.equal(pair[1], OTHER)
