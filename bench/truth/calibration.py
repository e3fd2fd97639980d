"""Does a threshold for a stated false-positive rate keep it, and do its intervals cover the truth? Run by hand:

    python bench/truth/calibration.py --seed 0 --out bench/truth

An audit draws null scores and is calibrated by the library; what its threshold really does is then counted on a
million fresh null scores of the same kind. Two kinds are the best matches of drawn unit vectors in a drawn corpus.
Writes calibration.csv, one row a kind of null, number of null videos and nominal rate. About a minute on one core.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats as scipy_stats

from vidmem.config.analysis import Metrics
from vidmem.metrics.thresholds import Calibration, calibrate
from vidmem.progress import progress

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]

RATES = (0.05, 0.01, 0.001)
NULL_VIDEOS = (20, 62, 100, 200, 500)
CORPUS, DIM = 100, 32


def best_matches(seed: int, look_alikes: float = 0.0) -> Draw:
    """Largest cosine of a random unit vector with a corpus of them; a share are noisy copies of a corpus item."""
    corpus = _unit(np.random.default_rng(seed).normal(size=(CORPUS, DIM)))

    def draw(rng: np.random.Generator, size: int) -> Floats:
        parts = []
        for start in range(0, size, 100_000):
            n = min(100_000, size - start)
            vectors = _unit(rng.normal(size=(n, DIM)))
            alike = rng.random(n) < look_alikes
            vectors[alike] += corpus[rng.integers(0, CORPUS, n)][alike] * rng.uniform(0.8, 1.5, (alike.sum(), 1))
            parts.append((_unit(vectors) @ corpus.T).max(axis=1))
        return np.concatenate(parts)

    return draw


def _unit(vectors: Floats) -> Floats:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def kinds(seed: int) -> dict[str, Draw]:
    """Null distributions: two of drawn vectors, the model itself, and shapes that are not the model."""
    return {
        "vectors": best_matches(seed),
        "vectors, 5 % look-alikes": best_matches(seed, 0.05),
        "Gumbel": lambda rng, n: rng.gumbel(0, 1, n),
        "exponential": lambda rng, n: rng.exponential(1, n),
        "heavier (GEV, shape .1)": lambda rng, n: ((-np.log(rng.random(n))) ** -0.1 - 1) / 0.1,
        "uniform": lambda rng, n: rng.random(n),
        "discrete (Poisson, mean 1)": lambda rng, n: rng.poisson(1, n).astype(float),
    }


@dataclass(frozen=True)
class Sizes:
    """Audits a row, and fresh null scores on which each threshold is counted."""

    audits: int = 600
    fresh: int = 1_000_000


def judge(
    kind: str, draw: Draw, null_videos: int, fpr: float, fresh: Floats, sizes: Sizes, seed: int
) -> dict[str, Any]:
    """Realised rate over audits where a rate is stated, its 95 % interval (the audit is the unit), and coverages.

    `fresh` is sorted. Beside ours, over all audits: a Gumbel law's quantile plugged in, and its predictive quantile.
    """
    rng = np.random.default_rng([seed, null_videos, round(fpr * 1e4)])
    samples = [draw(rng, null_videos) for _ in range(sizes.audits)]
    found = [calibrate(s, fpr=fpr, min_null=Metrics().min_null, customary=float(fresh[-1])) for s in samples]
    stated = [c for c in found if c.fpr is not None]
    rates = rate_above(fresh, np.array([c.threshold for c in stated]))
    one_each = draw(rng, sizes.audits)
    p = [c.null.p_values(s[None])[0] for c, s in zip(found, one_each, strict=True) if c.null]
    row = {
        "null": kind,
        "null_videos": null_videos,
        "nominal": fpr,
        "method": stated[0].method if stated else "",
        "stated": round(len(stated) / sizes.audits, 3),
        **_mean_interval(rates, len(fresh)),
        **_covers(stated, rates),
        "p_values_ks": round(float(scipy_stats.kstest(p, "uniform", alternative="greater").pvalue), 3),
    }
    for name, threshold in gumbel_thresholds(samples, fpr, seed).items():
        row[f"realised_{name}"] = _short(rate_above(fresh, threshold).mean())
    return row


def rate_above(fresh: Floats, thresholds: Floats) -> Floats:
    """Share of the sorted `fresh` scores that reach each threshold."""
    return 1 - np.searchsorted(fresh, thresholds, side="left") / len(fresh)


def _mean_interval(rates: Floats, fresh: int) -> dict[str, Any]:
    """Mean and its normal 95 % interval: variance between audits, plus that of the shared fresh scores."""
    if len(rates) < 2:
        return {"realised": None, "realised_low": None, "realised_high": None}
    mean = float(rates.mean())
    half = 1.96 * float(np.sqrt(rates.var(ddof=1) / len(rates) + mean / fresh))
    return {"realised": _short(mean), "realised_low": _short(max(mean - half, 0)), "realised_high": _short(mean + half)}


def _covers(stated: list[Calibration], rates: Floats) -> dict[str, Any]:
    """Share of audits whose true rate lies in the printed interval, and under its upper end (what protects)."""
    if not stated:
        return {"fpr_interval_covers": None, "fpr_high_holds": None}
    low, high = np.array([c.fpr_interval for c in stated]).T
    inside, under = (rates >= low) & (rates <= high), rates <= high
    return {"fpr_interval_covers": round(float(inside.mean()), 3), "fpr_high_holds": round(float(under.mean()), 3)}


def _short(value: float) -> float:
    return float(f"{value:.3g}")


def gumbel_thresholds(samples: list[Floats], fpr: float, seed: int) -> dict[str, Floats]:
    """What a Gumbel law fitted by L-moments (Hosking 1990) to all scores would ask for, plugged in and predictive.

    The law has location and scale, so the fit to a standard sample tells how fits of that size scatter, and the
    predictive quantile averages over it.
    """
    location, scale = gumbel_fit(np.stack(samples))
    n = len(samples[0])
    a, b = gumbel_fit(np.random.default_rng([seed, n]).gumbel(0, 1, (4000, n)))
    low, high = -5.0, 60.0
    for _ in range(60):
        middle = (low + high) / 2
        tail = float(-np.expm1(-np.exp(-(a + b * middle))).mean())
        low, high = (middle, high) if tail > fpr else (low, middle)
    plugged = -float(np.log(-np.log1p(-fpr)))
    return {"gumbel_plugged": location + scale * plugged, "gumbel_predictive": location + scale * low}


def gumbel_fit(samples: Floats) -> tuple[Floats, Floats]:
    """Location and scale of each row of `samples` (m, n)."""
    n = samples.shape[1]
    weights = 2 * np.arange(n) / (n - 1) - 1
    scale = (weights * np.sort(samples, axis=1)).mean(axis=1) / np.log(2)
    return samples.mean(axis=1) - np.euler_gamma * scale, scale


def table(seed: int, sizes: Sizes) -> list[dict[str, Any]]:
    """All rows."""
    drawn = kinds(seed)
    rows = []
    for kind, draw in progress(list(drawn.items()), len(drawn), "null distributions"):
        fresh = np.sort(draw(np.random.default_rng([seed, 1]), sizes.fresh))
        rows += [judge(kind, draw, n, fpr, fresh, sizes, seed) for n in NULL_VIDEOS for fpr in RATES]
    return rows


def main() -> None:
    """Draw, calibrate, count, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    rows = table(arguments.seed, Sizes())
    for r in rows:
        interval = f"[{_percent(r['realised_low'])}, {_percent(r['realised_high'])}]"
        print(f"{r['null']:26} n {r['null_videos']:3} {r['method']:15} stated {r['stated']:4.0%}", end="  ")
        print(f"nominal {r['nominal']:.1%} realised {_percent(r['realised'])} {interval}", end="  ")
        print(f"true rate in its interval {r['fpr_interval_covers']}, under its end {r['fpr_high_holds']}")
    for method in ("order statistic", "tail fit"):
        mine = [r for r in rows if r["method"] == method]
        kept = sum(r["realised_low"] <= r["nominal"] for r in mine)
        print(
            f"{method}: the nominal rate is in the realised rate's interval, or above it, in {kept} of {len(mine)} rows"
        )
    with (arguments.out / "calibration.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.3%}"


if __name__ == "__main__":
    main()
