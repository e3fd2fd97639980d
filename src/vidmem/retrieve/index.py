"""Indices of one corpus chunk: candidates for a search that need not look at every vector.

An index proposes, it never scores: whatever it proposes is compared exactly afterwards, and how often it misses a clip
is measured (`shortlist.py`). Kinds: `fp16` keeps every vector in half precision; `ivf` cuts the vectors into lists by
k-means and looks into `nprobe` of them; `ivfpq` keeps product-quantised codes in longer lists (Jegou et al., Product
quantization for nearest neighbor search, 2011), 32 bytes a frame, of 4 bits each so that their tables fit into
registers (Andre et al., Quicker ADC, arXiv 1812.09162). A chunk that is too small to train its kind is indexed whole
(`exact`), and says so.

Content is indexed by its frame vectors. A motion window of k fields is too wide for that (k D numbers): every field is
projected on the chunk's own principal components, as many as leave a window `MOTION_SIZE` numbers. Measured on 708
clips, rendered and real: that keeps .94 of the windows' energy, and of the five best clips by the exact score .98 are
among the ten best by it and all among the fifty best; .90 and all for a low-pass by cosine transform of that size, .88
and .98 for a random projection.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import faiss
import numpy as np
import numpy.typing as npt

from vidmem.retrieve.refuse import check_finite
from vidmem.search.library import Vectors, load_library
from vidmem.search.moving import motion_vectors_of, principal_basis, window_rows
from vidmem.search.rows import best_of
from vidmem.tables import DamagedTable

POINTS_PER_LIST = 39  # faiss' own least number of training points for a centroid
LEAST_LISTS = 8  # with fewer, looking into lists spares nothing
CODED_PER_LIST = 512  # vectors in a list of codes: reading them is so quick that more lists cost more than they spare
PARTS, PART = 64, 4  # codes of a vector at most, and numbers that share one at least
CODE_BITS = 4
PQ_ROUNDS = 8  # of a sub-quantiser's k-means: more cost far more time than recall they give back
SEED = 0
QUERY_ROWS = 4096  # looked up at once

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ChunkIndex:
    """A faiss index over the rows of one chunk. `owner` (rows,) is the number of each row's clip in `ids`.

    `basis` (D, m) is what motion vectors are projected on, empty for content. `why` says why `built` is not the kind
    that was asked for.
    """

    index: Any
    ids: list[str]
    owner: Indices
    basis: Vectors
    built: str
    why: str | None


def write_indices(frames: Path, flow: Path, settings: Mapping[str, Any], content_out: Path, motion_out: Path) -> None:
    """Write both indices of a corpus chunk. `settings`: `index`, `window`, `floor` and `grid` of the retrieve stage."""
    faiss.omp_set_num_threads(1)  # k-means adds up in an order that depends on the threads
    library = load_library(frames)
    check_finite(library, [frames], "frames")
    empty = np.empty((0, 0), np.float32)
    write_index(content_out, build(library.vectors, library.owners(), library.ids, settings["index"], empty))
    moving = load_library(flow)
    check_finite(moving, [flow], "flow")
    vectors = motion_vectors_of(moving, int(settings["grid"]))
    basis = principal_basis(vectors, int(settings["window"]))
    rows, owner = window_rows(vectors, basis, int(settings["window"]), float(settings["floor"]))
    write_index(motion_out, build(rows, owner, moving.ids, settings["index"], basis))


def build(rows: Vectors, owner: Indices, ids: list[str], kind: str, basis: Vectors) -> ChunkIndex:
    """Index `rows` for the largest inner product, by a seeded k-means in one thread."""
    why = _too_small(len(rows), kind)
    built = "exact" if why else kind
    index = _empty(max(1, rows.shape[1]), built, len(rows))
    if len(rows):
        index.train(np.ascontiguousarray(rows))
        index.add(np.ascontiguousarray(rows))
    return ChunkIndex(index, ids, owner, basis, built, why)


def _empty(size: int, kind: str, rows: int) -> Any:
    if kind == "exact":
        return faiss.IndexFlatIP(size)
    if kind == "fp16":
        return faiss.IndexScalarQuantizer(size, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    made: Any
    quantizer = faiss.IndexFlatIP(size)
    if kind == "ivf":
        lists = min(int(4 * rows**0.5), rows // POINTS_PER_LIST)
        made = faiss.IndexIVFFlat(quantizer, size, lists, faiss.METRIC_INNER_PRODUCT)
    else:
        lists = rows // CODED_PER_LIST
        parts = max(m for m in range(1, max(1, min(PARTS, size // PART)) + 1) if size % m == 0)
        made = faiss.IndexIVFPQFastScan(quantizer, size, lists, parts, CODE_BITS, faiss.METRIC_INNER_PRODUCT)
        made.by_residual = False  # an inner product then needs one table a query, not one a list
        made.pq.cp.seed = SEED
        made.pq.cp.niter = PQ_ROUNDS
        made.pq.cp.max_points_per_centroid = CODED_PER_LIST
    made.cp.seed = SEED
    return made


def _too_small(rows: int, kind: str) -> str | None:
    least = {"ivf": LEAST_LISTS * POINTS_PER_LIST, "ivfpq": LEAST_LISTS * CODED_PER_LIST}.get(kind, 0)
    return f"{rows} vectors, {kind} needs {least}" if rows < least else None


def write_index(path: Path, made: ChunkIndex) -> None:
    """Write an index whole or not at all; the same index gives the same bytes."""
    head = {"ids": made.ids, "built": made.built, "why": made.why}
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    with aside.open("wb") as file:
        np.savez(
            file,
            head=np.frombuffer(json.dumps(head).encode(), np.uint8),
            index=faiss.serialize_index(made.index),
            owner=made.owner,
            basis=made.basis,
        )
    aside.replace(path)


def read_index(path: Path) -> ChunkIndex:
    """Read what `write_index` wrote: every part bears a CRC-32, as zip files have it.

    Raises `tables.DamagedTable` where the file is not as it was written.
    """
    try:
        with np.load(path, allow_pickle=False) as held:
            parts = {name: held[name] for name in ("head", "index", "owner", "basis")}
        head = json.loads(parts["head"].tobytes())
    except (BadZipFile, ValueError, KeyError, EOFError, zlib.error) as error:
        raise DamagedTable(path, error) from error
    index = faiss.deserialize_index(parts["index"])
    return ChunkIndex(index, head["ids"], parts["owner"], parts["basis"], head["built"], head["why"])


def propose(
    found: list[dict[str, float]],
    rows: Vectors,
    query_owner: Indices,
    made: ChunkIndex,
    wanted: int,
    nprobe: int,
    barred: Sequence[Set[str]],
) -> None:
    """Merge the `wanted` clips of one chunk that the index ranks first into `found`, by the number of the query video.

    `rows` (rows, d) are the queries' vectors, of the videos `query_owner`. Clips in `barred`, by video, are left out.
    """
    if hasattr(made.index, "nprobe"):
        made.index.nprobe = min(nprobe, made.index.nlist)
    length = min(made.index.ntotal, max(4 * wanted, 64))
    least = np.array([min(of.values()) if len(of) >= wanted else -np.inf for of in found])
    for first in range(0, len(rows) if length else 0, QUERY_ROWS):
        part = slice(first, first + QUERY_ROWS)
        scores, hits = made.index.search(np.ascontiguousarray(rows[part]), length)
        valid = (hits >= 0) & (scores >= least[query_owner[part], None])  # the others can't be among the best
        for q, clip, score in _best_by_clip(query_owner[part], made.owner[hits], scores, valid):
            name = made.ids[clip]
            if name not in barred[q] and score > found[q].get(name, -np.inf):
                found[q][name] = score
        for q in np.unique(query_owner[part]).tolist():
            found[q] = best_of(found[q], wanted)


def _best_by_clip(
    owner: Indices, clips: Indices, scores: Vectors, valid: npt.NDArray[np.bool_]
) -> Iterator[tuple[int, int, float]]:
    """(query video, clip, best score) of lists of hits, each pair once."""
    q, c, s = np.repeat(owner, clips.shape[1])[valid.ravel()], clips[valid], scores[valid]
    order = np.lexsort((-s, c, q))
    q, c, s = q[order], c[order], s[order]
    first = np.flatnonzero((np.diff(q, prepend=-1) != 0) | (np.diff(c, prepend=-1) != 0))
    yield from zip(q[first].tolist(), c[first].tolist(), s[first].tolist(), strict=True)
