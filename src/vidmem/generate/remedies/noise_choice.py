"""Of several initial noises the one with the lowest first-step magnitude is sampled on.

The noises are those of further seeds, so that whatever a pipeline draws of its generator is drawn anew; each costs one
step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vidmem.text import stable_fraction

SEEDS = 1 << 32  # torch's CPU generator reads no more than 32 bits of a seed


def candidate(seed: int, number: int) -> int:
    """The seed of a video's `number`-th noise: number 0 is its own, further ones are drawn from all seeds."""
    return int(stable_fraction("noise", seed, number) * SEEDS) if number else seed


def choose(seeds: Sequence[int], further: int, measure: Callable[[list[int]], list[float]]) -> list[int]:
    """For each video the seed, of its own and `further` more, at which `measure` (of one seed a video) is lowest.

    Where several are lowest it is the first of them.
    """
    best = measure(list(seeds))
    chosen = list(seeds)
    for number in range(1, further + 1):
        tried = [candidate(seed, number) for seed in seeds]
        for i, found in enumerate(measure(tried)):
            if found < best[i]:
                best[i], chosen[i] = found, tried[i]
    return chosen
