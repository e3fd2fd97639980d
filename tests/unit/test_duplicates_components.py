"""Components with the guard against chaining: star clustering, and what it promises."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from vidmem.duplicates.components import smallest, stars

graphs = st.integers(1, 14).flatmap(
    lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=30))
)


def components(count: int, pairs: list[tuple[int, int]]) -> list[int]:
    left, right = np.array(pairs, np.int64).reshape(-1, 2).T
    return stars(count, left, right).tolist()


def by_hand(count: int, pairs: list[tuple[int, int]]) -> list[int]:
    """The offline star algorithm, word by word."""
    near = {n: {b for p in pairs for a, b in (p, p[::-1]) if a == n and b != n} for n in range(count)}
    centre: dict[int, int] = {}
    for n in sorted(near, key=lambda n: (-len(near[n]), n)):
        if n not in centre:
            for member in (n, *near[n]):
                centre.setdefault(member, n)
    return [min(m for m in centre if centre[m] == centre[n]) for n in range(count)]


def test_pairs_and_cliques_are_components_and_items_without_links_stand_alone() -> None:
    assert components(6, [(1, 4), (2, 3), (3, 5), (2, 5)]) == [0, 1, 2, 2, 1, 2]
    assert components(0, []) == [] and components(2, [(1, 1)]) == [0, 1]


def test_a_chain_is_cut_where_nothing_holds_it_together() -> None:
    chain = [(n, n + 1) for n in range(5)]
    assert components(6, chain) == [0, 0, 0, 3, 3, 5]  # 1 is linked to 0 and 2; of the rest 3 to 4; 5 is left
    assert components(5, [(2, n) for n in (0, 1, 3, 4)]) == [0] * 5  # a star is one


@given(graphs)
def test_components_are_those_of_the_algorithm_as_published(graph: tuple[int, list[tuple[int, int]]]) -> None:
    assert components(*graph) == by_hand(*graph)


@given(graphs)
def test_members_are_within_two_links_and_components_refine_the_connected_ones(
    graph: tuple[int, list[tuple[int, int]]],
) -> None:
    count, pairs = graph
    found = np.array(components(count, pairs))
    links = np.eye(count, dtype=int)
    for a, b in pairs:
        links[a, b] = links[b, a] = 1
    within_two = links @ links > 0
    assert within_two[found[:, None] == found[None, :]].all()
    _, whole = connected_components(coo_array(links))
    assert all(len(set(whole[found == label])) == 1 for label in set(found))


def test_the_smallest_rank_names_a_component() -> None:
    assert smallest(np.array([2, 0, 2, 0]), np.array([7, 5, 3, 9])).tolist() == [3, 5, 3, 5]
