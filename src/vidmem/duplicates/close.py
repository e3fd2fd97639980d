"""Range search: all pairs of vectors whose inner product reaches a threshold.

Few vectors are compared each with each. Many are cut into lists by k-means, as an inverted file does (Jegou et al.,
Product quantization for nearest neighbor search, 2011), and each vector is compared with those of its nearest lists.
faiss makes the lists; the products are taken list by list here, of all vectors that look into a list at once, since a
matrix product is many times faster than as many scans of the list.
"""

from __future__ import annotations

from collections.abc import Iterator

import faiss
import numpy as np
import numpy.typing as npt

from vidmem.progress import progress

TILE = 2048  # rows and columns of a product
LIST_ROWS = 1000  # vectors of a list, about
TRAINED_ON = 64  # vectors a centroid
ROUNDS = 8  # of k-means
SEED = 0

Vectors = npt.NDArray[np.float32] | npt.NDArray[np.float16]
Indices = npt.NDArray[np.int64]
Hits = Iterator[tuple[Indices, Indices]]


def close_rows(vectors: Vectors, threshold: float, *, exact_limit: int, nprobe: int) -> Hits:
    """Pairs of rows (left, right) of unit vectors (n, D) whose inner product is `threshold` or more, part by part.

    left != right. Up to `exact_limit` rows every pair comes once, left < right. With more a pair may come twice, and
    one that shares none of the `nprobe` nearest lists does not come. Vectors may be in half precision: their products
    are taken in single precision.
    """
    if len(vectors) <= max(exact_limit, 2 * LIST_ROWS):
        yield from _every(vectors, threshold)
    else:
        yield from _by_list(vectors, threshold, nprobe)


def _every(vectors: Vectors, threshold: float) -> Hits:
    firsts = range(0, len(vectors), TILE)
    for top in progress(firsts, len(firsts), f"pairs of vectors, {TILE} at once"):
        rows = _single(vectors[top : top + TILE])
        for first in range(top, len(vectors), TILE):
            i, j = np.nonzero(rows @ _single(vectors[first : first + TILE]).T >= threshold)
            left, right = i + top, j + first
            once = left < right
            yield left[once], right[once]


def _by_list(vectors: Vectors, threshold: float, nprobe: int) -> Hits:
    lists = len(vectors) // LIST_ROWS
    nearest = _nearest_lists(vectors, lists, min(nprobe, lists))
    home = np.argsort(nearest[:, 0], kind="stable")
    bounds = np.searchsorted(nearest[home, 0], np.arange(lists + 1))
    asking = np.argsort(nearest, axis=None, kind="stable")
    asked = np.searchsorted(nearest.ravel()[asking], np.arange(lists + 1))
    for n in progress(range(lists), lists, "pairs of vectors, lists"):
        members = home[bounds[n] : bounds[n + 1]]
        queries = asking[asked[n] : asked[n + 1]] // nearest.shape[1]
        yield from _between(vectors, queries, members, threshold)


def _between(vectors: Vectors, queries: Indices, members: Indices, threshold: float) -> Hits:
    for first in range(0, len(members), TILE):
        columns = members[first : first + TILE]
        right = _single(vectors[columns]).T
        for top in range(0, len(queries), TILE):
            rows = queries[top : top + TILE]
            i, j = np.nonzero(_single(vectors[rows]) @ right >= threshold)
            apart = rows[i] != columns[j]
            yield rows[i][apart], columns[j][apart]


def _nearest_lists(vectors: Vectors, lists: int, nprobe: int) -> npt.NDArray[np.int32]:
    """The lists whose centres are nearest to each vector, the nearest first, (n, nprobe)."""
    size = vectors.shape[1]
    sample = np.random.default_rng(SEED).choice(len(vectors), min(len(vectors), TRAINED_ON * lists), replace=False)
    means = faiss.Kmeans(size, lists, niter=ROUNDS, seed=SEED, spherical=True, max_points_per_centroid=TRAINED_ON)
    means.train(_single(vectors[np.sort(sample)]))
    centres = faiss.IndexFlatIP(size)
    assert means.centroids is not None
    centres.add(means.centroids)
    nearest = np.empty((len(vectors), nprobe), np.int32)
    for first in range(0, len(vectors), TILE):
        nearest[first : first + TILE] = centres.search(_single(vectors[first : first + TILE]), nprobe)[1]
    return nearest


def _single(vectors: Vectors) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(vectors, np.float32)
