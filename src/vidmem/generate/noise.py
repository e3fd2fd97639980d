"""From a scheduler and a denoiser's output to epsilon: what makes signals of different models comparable.

A denoiser may predict the noise, the clean sample, or a velocity, on a variance-preserving path
x_t = sqrt(abar) x_0 + sqrt(1 - abar) eps or on a straight one x_t = (1 - sigma) x_0 + sigma eps
(flow matching). Differences and norms are taken after conversion to eps:

    prediction       eps(x_t, null)                          d_eps
    epsilon          e                                       de
    v (Salimans)     sqrt(abar) v + sqrt(1 - abar) x_t       sqrt(abar) dv
    sample           (x_t - sqrt(abar) x0) / sqrt(1 - abar)  -sqrt(abar) / sqrt(1 - abar) dx0
    flow velocity    x_t + (1 - sigma) v                     (1 - sigma) dv
    flow sample      (x_t - (1 - sigma) x0) / sigma          -(1 - sigma) / sigma dx0
    EDM              that of v = -output                     -sqrt(abar) doutput

EDM's schedulers (Karras et al., arXiv 2206.00364) keep x_0 + sigma eps with x_0 of the standard deviation sigma_data,
and the denoiser's output is -v of x_0 / sigma_data where they call it "epsilon".

On the straight path the first step has sigma = 1 exactly, where x_t is the noise and every d_eps is zero: a
true statement that hides what the denoiser said. So `1 - sigma` in d_eps is held at one training timestep
(1 / num_train_timesteps) or more, and so is sqrt(abar) where a schedule ends at abar = 0 (CogVideoX's). At a
given step this multiplies all videos' magnitudes alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class NoiseLevel:
    """Where on its path a sample is.

    `sigma` is the noise's coefficient in x_t and `signal` the clean sample's. `alpha_bar` is the share of
    signal, signal^2 / (signal^2 + sigma^2): the scheduler's own on a variance-preserving path, and
    (1 - sigma)^2 / ((1 - sigma)^2 + sigma^2) on the straight one. `scale` is what the scheduler's sample must
    be multiplied with to lie on this path (not 1 for schedulers that keep x_0 + noise unscaled).
    """

    path: str  # "flow" | "vp"
    prediction: str  # "epsilon" | "v" | "minus v" | "sample"
    sigma: float
    signal: float
    alpha_bar: float
    scale: float
    floor: float  # least `signal` used in differences


class UnknownParameterisation(ValueError):
    """The scheduler's prediction type or noise schedule isn't one that can be converted to epsilon."""


def noise_level(scheduler: Any, index: int | None, timestep: float) -> NoiseLevel:
    """The noise level of a scheduler's step.

    `index` is the step's place in `scheduler.sigmas` (None where the scheduler keeps no such list).
    Raises `UnknownParameterisation`.
    """
    config = scheduler.config
    train_steps = int(config.get("num_train_timesteps", 1000))
    prediction = str(config.get("prediction_type") or ("flow_prediction" if _is_flow(scheduler) else "epsilon"))
    names = {"epsilon": "epsilon", "v_prediction": "v", "sample": "sample", "flow_prediction": "v"}
    if prediction not in names:
        raise UnknownParameterisation(f"unknown prediction type {prediction!r} of {type(scheduler).__name__}")
    sigmas = getattr(scheduler, "sigmas", None)
    if _is_flow(scheduler) or prediction == "flow_prediction":
        if sigmas is None or index is None:
            raise UnknownParameterisation(f"no sigmas in the flow-matching scheduler {type(scheduler).__name__}")
        sigma = min(max(float(sigmas[index]), 0.0), 1.0)
        signal = 1.0 - sigma
        share = signal**2 / (signal**2 + sigma**2)
        return NoiseLevel("flow", names[prediction], sigma, signal, share, 1.0, 1.0 / train_steps)
    if hasattr(scheduler, "is_scale_input_called"):  # Euler and kin: the sample is x_0 + sigma * eps
        if sigmas is None or index is None:
            raise UnknownParameterisation(f"no sigmas in the scheduler {type(scheduler).__name__}")
        data = float(config.get("sigma_data", 1.0))  # standard deviation of x_0
        ratio = float(sigmas[index]) / data
        abar, scale = 1.0 / (1.0 + ratio**2), 1.0 / (1.0 + ratio**2) ** 0.5 / data
    elif getattr(scheduler, "alphas_cumprod", None) is not None:
        abar, scale = float(scheduler.alphas_cumprod[round(timestep)]), 1.0
    else:
        raise UnknownParameterisation(f"no noise schedule known of {type(scheduler).__name__}")
    if hasattr(scheduler, "precondition_outputs"):  # EDM's
        names["epsilon"] = "minus v"
    floor = _least_signal(scheduler)
    return NoiseLevel("vp", names[prediction], (1 - abar) ** 0.5, abar**0.5, abar, scale, floor)


def _least_signal(scheduler: Any) -> float:
    """sqrt(abar) one training timestep before the end of a schedule that ends at abar = 0; 0 for any other."""
    abars = getattr(scheduler, "alphas_cumprod", None)
    if abars is None or len(abars) < 2 or float(abars[-1]) > 0:
        return 0.0
    least: float = float(abars[-2]) ** 0.5
    return least


def _is_flow(scheduler: Any) -> bool:
    return type(scheduler).__name__.startswith("FlowMatch") or bool(scheduler.config.get("use_flow_sigmas", False))


def epsilon_difference(difference: torch.Tensor, level: NoiseLevel) -> torch.Tensor:
    """d_eps of the difference of two outputs for the same x_t."""
    signal = max(level.signal, level.floor)
    if level.prediction == "epsilon":
        return difference
    if level.prediction == "v":
        return difference * signal
    if level.prediction == "minus v":
        return difference * -signal
    return difference * (-signal / max(level.sigma, 1e-12))


def epsilon(output: torch.Tensor, sample: torch.Tensor, level: NoiseLevel) -> torch.Tensor:
    """eps of one output for the scheduler's `sample` (x_t, before `scale`)."""
    x = sample * level.scale
    if level.prediction == "epsilon":
        return output
    if level.prediction == "minus v":
        output = -output
    if level.prediction == "sample":
        return (x - level.signal * output) / max(level.sigma, 1e-12)
    return x + level.signal * output if level.path == "flow" else level.signal * output + level.sigma * x


def output_difference(difference: torch.Tensor, level: NoiseLevel) -> torch.Tensor:
    """The change of a denoiser's output that changes eps by `difference`: the inverse of `epsilon_difference`."""
    signal = max(level.signal, level.floor, 1e-6)
    if level.prediction == "epsilon":
        return difference
    if level.prediction == "v":
        return difference / signal
    if level.prediction == "minus v":
        return difference / -signal
    return difference * (-max(level.sigma, 1e-12) / signal)


def clean_sample(output: torch.Tensor, sample: torch.Tensor, level: NoiseLevel) -> torch.Tensor:
    """x_0 as one output predicts it for the scheduler's `sample` (x_t, before `scale`)."""
    x = sample * level.scale
    if level.prediction == "sample":
        return output
    if level.prediction == "epsilon":
        return (x - level.sigma * output) / max(level.signal, level.floor, 1e-6)
    if level.prediction == "minus v":
        output = -output
    return x - level.sigma * output if level.path == "flow" else level.signal * x - level.sigma * output
