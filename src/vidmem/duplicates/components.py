"""Components of a graph of pairs that are nearly the same, with a guard against chaining.

Plain connected components chain: A is like B, B like C, and so on to Z, which is nothing like A. The guard is the star
clustering of Aslam, Pelekhov and Rus ("The star clustering algorithm", 2004, the offline one): in a connected component
the item with the most links takes all its neighbours, of the others that with the most links takes those of its
neighbours that are left, and so on. So every member of a component is linked to its centre, and none is further from
another than two links.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components

Indices = npt.NDArray[np.int64]


def stars(count: int, left: Indices, right: Indices) -> Indices:
    """The component of each of `count` items, as the smallest number in it, (count,).

    `left` and `right` (pairs,) are numbers of items that are linked, in any order; a pair may stand twice, and an item
    that is linked to itself is not linked. Of items with equally many links the smallest number is the centre.
    """
    links = _links(count, left, right)
    degree = np.diff(links.indptr)
    _, part = connected_components(links, directed=False)
    size, most = np.bincount(part, minlength=1), np.zeros(part.max(initial=-1) + 1, np.int64)
    np.maximum.at(most, part, degree)
    label = part.astype(np.int64)
    chained = most < size[: len(most)] - 1  # no item is linked to all others
    members = np.flatnonzero(chained[part]) if count else np.zeros(0, np.int64)
    label[members] = -1
    following = len(most)
    for centre in members[np.lexsort((members, -degree[members]))].tolist():
        if label[centre] < 0:
            near = links.indices[links.indptr[centre] : links.indptr[centre + 1]]
            label[near[label[near] < 0]] = following
            label[centre] = following
            following += 1
    return smallest(label, np.arange(count))


def smallest(label: Indices, rank: Indices) -> Indices:
    """The smallest rank among the items of each item's label, (items,). Labels are whole numbers from 0."""
    least = np.full(label.max(initial=-1) + 1, np.iinfo(np.int64).max)
    np.minimum.at(least, label, rank)
    return np.asarray(least[label], np.int64)


def _links(count: int, left: Indices, right: Indices) -> sparse.csr_array:
    apart = left != right
    rows, columns = np.concatenate([left[apart], right[apart]]), np.concatenate([right[apart], left[apart]])
    links = sparse.csr_array((np.ones(len(rows), bool), (rows, columns)), shape=(count, count))
    links.sum_duplicates()
    return links
