"""Exact search of videos by their best pair of rows: max over i, j of <x_i, y_j>, through faiss."""

from __future__ import annotations

from collections.abc import Mapping, Set

import faiss
import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Owners = npt.NDArray[np.int64]
Hits = dict[int, float]  # number of a reference -> best inner product


def search_best(
    queries: Vectors,
    query_owner: Owners,
    references: Vectors,
    reference_owner: Owners,
    wanted: int,
    excluded: Mapping[int, Set[int]] | None = None,
) -> dict[int, Hits]:
    """The `wanted` best references of each query video, or all there are, with their exact scores.

    The lists of single rows are lengthened until each holds `wanted` admissible references: a reference that is
    missing from a row's list is then beaten by `wanted` others on that row, so no better one was overlooked.
    """
    excluded = excluded or {}
    found: dict[int, Hits] = {int(q): {} for q in np.unique(query_owner)}
    if not len(references):
        return found
    index = faiss.IndexFlatIP(references.shape[1])
    index.add(np.ascontiguousarray(references))
    open_rows = np.arange(len(queries))
    length = min(len(references), max(4 * wanted, 64))
    while len(open_rows):
        scores, rows = index.search(np.ascontiguousarray(queries[open_rows]), length)
        unfinished = []
        for n, query_row in enumerate(open_rows):
            owner = int(query_owner[query_row])
            distinct = _first_of_each(scores[n], reference_owner[rows[n]], excluded.get(owner, frozenset()))
            if len(distinct) < wanted and length < len(references):
                unfinished.append(query_row)
                continue
            hits = found[owner]
            for reference, score in distinct.items():
                if score > hits.get(reference, -np.inf):
                    hits[reference] = score
        open_rows = np.array(unfinished, int)
        length = min(len(references), 4 * length)
    return {owner: best_of(hits, wanted) for owner, hits in found.items()}


def _first_of_each(scores: Vectors, owners: Owners, excluded: Set[int]) -> Hits:
    """Best score of each reference in a list that is sorted by falling score."""
    names, first = np.unique(owners, return_index=True)
    return {int(r): float(scores[i]) for r, i in zip(names, first, strict=True) if int(r) not in excluded}


def best_of[K: (int, str)](hits: Mapping[K, float], wanted: int) -> dict[K, float]:
    """The `wanted` highest scores; of equal ones the lower key, so that results don't depend on order."""
    return dict(sorted(hits.items(), key=lambda item: (-item[1], item[0]))[:wanted])
