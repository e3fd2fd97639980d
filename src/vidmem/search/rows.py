"""Exact search of videos by their best pair of rows: max over i, j of <x_i, y_j>, through faiss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

import faiss
import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Owners = npt.NDArray[np.int64]
Hits = dict[int, float]  # number of a reference -> best inner product
LIST_BYTES = 2**26  # of the lists of scores and rows that are in memory at once
FEW = 8  # a query that may match at most one reference in so many is compared, not searched


class RowHits(NamedTuple):
    """One query row, and the references that it resembles most with the inner product of each one's best row."""

    row: int
    references: Owners
    scores: Vectors


def search_best(
    queries: Vectors,
    query_owner: Owners,
    references: Vectors,
    reference_owner: Owners,
    wanted: int,
    excluded: Mapping[int, Set[int]] | None = None,
) -> dict[int, Hits]:
    """The `wanted` best references of each query video, or all there are, with their scores."""
    found: dict[int, Hits] = {int(q): {} for q in np.unique(query_owner)}
    for hit in search_rows(queries, query_owner, references, reference_owner, wanted, excluded):
        keep_best(found[int(query_owner[hit.row])], hit)
    return {owner: best_of(hits, wanted) for owner, hits in found.items()}


def search_rows(
    queries: Vectors,
    query_owner: Owners,
    references: Vectors,
    reference_owner: Owners,
    wanted: int,
    excluded: Mapping[int, Set[int]] | None = None,
) -> Iterator[RowHits]:
    """For each query row at least its `wanted` best references, or all there are, in no set order of rows.

    `reference_owner` rises. `excluded` names, by owner of the query row, the references that are not admissible; who
    has few admissible ones is held against these directly.
    """
    if not len(references):
        return
    searched = np.ones(len(queries), bool)
    every = np.unique(reference_owner)
    for owner, barred in (excluded or {}).items():
        if barred and len(every) - len(barred) <= max(wanted, len(every) // FEW):
            rows = np.flatnonzero(query_owner == owner)
            searched[rows] = False
            yield from _direct(queries, rows, references, reference_owner, np.setdiff1d(every, list(barred)))
    yield from _listed(
        queries, np.flatnonzero(searched), query_owner, references, reference_owner, wanted, excluded or {}
    )


def _direct(
    queries: Vectors, rows: Owners, references: Vectors, reference_owner: Owners, admissible: Owners
) -> Iterator[RowHits]:
    members = np.flatnonzero(np.isin(reference_owner, admissible))
    if len(members) and len(rows):
        owners = reference_owner[members]
        starts = np.flatnonzero(np.diff(owners, prepend=owners[0] - 1))
        best = np.maximum.reduceat(queries[rows] @ references[members].T, starts, axis=1)
        yield from (RowHits(row, owners[starts], best[n]) for n, row in enumerate(rows.tolist()))


def _listed(
    queries: Vectors,
    unfinished: Owners,
    query_owner: Owners,
    references: Vectors,
    reference_owner: Owners,
    wanted: int,
    excluded: Mapping[int, Set[int]],
) -> Iterator[RowHits]:
    """Search by lists of rows. A row's list is lengthened until it holds `wanted` admissible references: one that is
    missing from it is then beaten by `wanted` others on that row, so no better one was overlooked.

    Lists are made for so many rows at once as fit into `LIST_BYTES`.
    """
    index = faiss.IndexFlatIP(references.shape[1])
    index.add(np.ascontiguousarray(references))
    length = min(len(references), max(4 * wanted, 64))
    while len(unfinished):
        again: list[int] = []
        batch = max(1, LIST_BYTES // (12 * length))
        for first in range(0, len(unfinished), batch):
            members = unfinished[first : first + batch]
            scores, rows = index.search(np.ascontiguousarray(queries[members]), length)
            for n, row in enumerate(members.tolist()):
                barred = excluded.get(int(query_owner[row]), frozenset())
                hit = _distinct(row, scores[n], reference_owner[rows[n]], barred)
                if len(hit.references) < wanted and length < len(references):
                    again.append(row)
                else:
                    yield hit
        unfinished, length = np.array(again, np.int64), min(len(references), 4 * length)


def rounding(size: int) -> float:
    """Bound on the error of a float32 inner product of two unit vectors of `size` numbers.

    n u sum |a b|, u = 2^-24, with sum |a b| <= |a| |b| (Higham, Accuracy and Stability of Numerical Algorithms, 2nd
    ed., section 3.1).
    """
    return size * 2.0**-24


def keep_best(hits: Hits, found: RowHits) -> None:
    """Raise the scores in `hits` to those of one more row."""
    for reference, score in zip(found.references.tolist(), found.scores.tolist(), strict=True):
        if score > hits.get(reference, -np.inf):
            hits[reference] = score


def _distinct(row: int, scores: Vectors, owners: Owners, barred: Set[int]) -> RowHits:
    """Best score of each admissible reference in a list that is sorted by falling score."""
    names, first = np.unique(owners, return_index=True)
    if barred:
        admissible = np.array([n not in barred for n in names.tolist()], bool)
        names, first = names[admissible], first[admissible]
    return RowHits(row, names, scores[first])


def best_of[K: (int, str)](hits: Mapping[K, float], wanted: int) -> dict[K, float]:
    """The `wanted` highest scores; of equal ones the lower key, so that results don't depend on order."""
    return dict(sorted(hits.items(), key=lambda item: (-item[1], item[0]))[:wanted])


def groups(lengths: Sequence[int] | Owners, most: int) -> Iterator[slice]:
    """Slices of consecutive clips that hold at most `most` rows together, or of one clip that is longer than that."""
    first, rows = 0, 0
    for n, length in enumerate(lengths):
        if rows + length > most and n > first:
            yield slice(first, n)
            first, rows = n, 0
        rows += int(length)
    if len(lengths) > first:
        yield slice(first, len(lengths))
