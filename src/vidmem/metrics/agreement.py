"""Extraction by agreement: seeds of one prompt that come out nearly the same, whatever the corpus holds.

Independent noise ought to give different videos. Where it gives one video again and again, the model has little else
to say to that prompt (Carlini et al., arXiv 2301.13188, who look for cliques of near-identical images). It needs no
corpus, and it is a hint, no verdict: a model can also answer every prompt with one video of its own making.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidmem import tables
from vidmem.progress import progress
from vidmem.similarity.content import Vectors, vsscd

MAX_CLIQUES = 100_000  # no graph of 31 seeds has more (Moon and Moser 1965: 3^(n/3))


class Agreement(NamedTuple):
    """Mean similarity of a video to its prompt's other seeds, and the size of the largest clique that holds it."""

    agreement: float
    clique_size: int


def agreements(frames: Sequence[Path], prompts: Mapping[str, str], agree_from: float) -> dict[str, Agreement]:
    """Agreement of each video in `prompts` (video_id -> prompt_id) whose prompt has two videos with features or more.

    `frames` are tables of `tables.frames_schema`. They are read one after the other, and a prompt's vectors are kept
    only until the last table that holds some of them, so that memory is bounded by a table and the prompts that are
    spread over several.
    """
    members = [_videos(path, prompts) for path in frames]
    last = {prompts[video]: n for n, found in enumerate(members) for video in found}
    waiting: dict[str, dict[str, Vectors]] = defaultdict(dict)
    results: dict[str, Agreement] = {}
    for n, path in enumerate(progress(frames, len(frames), "agreement of seeds")):
        for video, vectors in _read(path, members[n]):
            waiting[prompts[video]][video] = vectors
        for prompt in sorted(p for p in waiting if last[p] == n):
            results.update(_of_prompt(waiting.pop(prompt), agree_from))
    return results


def _videos(path: Path, prompts: Mapping[str, str]) -> list[str]:
    names = tables.read_table(path, columns=["video_id"])["video_id"].unique(maintain_order=True)
    return [name for name in names if name in prompts]


def _read(path: Path, videos: Sequence[str]) -> list[tuple[str, Vectors]]:
    if not videos:
        return []
    frame, vectors = tables.read_vectors(path)
    wanted, found = set(videos), []
    for key, rows in frame.with_row_index("row").group_by("video_id", maintain_order=True):
        if key[0] in wanted:
            found.append((str(key[0]), vectors[rows["row"].to_numpy()]))  # a copy: a view would keep the table
    return found


def _of_prompt(videos: Mapping[str, Vectors], agree_from: float) -> dict[str, Agreement]:
    names = sorted(videos)
    if len(names) < 2:
        return {}
    table = similarity_table([videos[name] for name in names])
    mean = (table.sum(axis=1) - table.diagonal()) / (len(names) - 1)
    sizes = clique_sizes(table >= agree_from)
    return {name: Agreement(float(mean[n]), sizes[n]) for n, name in enumerate(names)}


def similarity_table(videos: Sequence[Vectors]) -> npt.NDArray[np.float64]:
    """VSSCD of each pair of videos, symmetric (n, n) with ones on the diagonal.

    VSSCD asks that whole videos are alike, frame by frame. A single shared frame (gsscd_max) is less than near-identity
    and was measured to bring different prompts nearer to each other.
    """
    table = np.eye(len(videos))
    for i, j in combinations(range(len(videos)), 2):
        table[i, j] = table[j, i] = vsscd(videos[i], videos[j])
    return table


def clique_sizes(alike: npt.NDArray[np.bool_]) -> list[int]:
    """Size of the largest clique that holds each node of a symmetric bool graph (n, n); 1 for a node without edges.

    Exact up to 31 nodes. A larger graph may have exponentially many maximal cliques: `MAX_CLIQUES` of them are looked
    at, and the sizes are then lower bounds.
    """
    others = alike & ~np.eye(len(alike), dtype=bool)
    near = [sum(1 << int(j) for j in np.flatnonzero(row)) for row in others]
    sizes = [2 if found else 1 for found in near]
    for clique in islice(_maximal_cliques(near), MAX_CLIQUES):
        for node in _nodes(clique):
            sizes[node] = max(sizes[node], clique.bit_count())
    return sizes


def _maximal_cliques(near: Sequence[int]) -> Iterator[int]:
    """Maximal cliques of a graph as sets of nodes (bits of an integer), from each node's set of neighbours.

    Bron and Kerbosch 1973, with the pivot of Tomita et al. 2006: the node that leaves the fewest branches.
    """
    branches = [(0, (1 << len(near)) - 1, 0)]  # a clique, the nodes that could join it, and those that did before
    while branches:
        clique, joining, done = branches.pop()
        if not joining:
            if not done:
                yield clique
            continue
        _, pivot = max(((near[node] & joining).bit_count(), node) for node in _nodes(joining | done))
        for node in _nodes(joining & ~near[pivot]):
            branches.append((clique | 1 << node, joining & near[node], done & near[node]))
            joining &= ~(1 << node)
            done |= 1 << node


def _nodes(bits: int) -> list[int]:
    return [node for node in range(bits.bit_length()) if bits >> node & 1]
