"""The searches that motion scores are judged by: queries, references and background clips whose relation is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
from clips import FORMATS, Spec, clip_of, specs
from degrade import GRADES, LISTED_ALONE, degrade
from flows import fields_of
from real import BACKGROUNDS, RESTYLES, RealClip, real_clips, restyled

from vidmem.corpus.made.motions import HELDOUT_MOTIONS
from vidmem.media import Clip, Format, MediaInfo, to_format
from vidmem.progress import progress
from vidmem.similarity.camera import Fields

Mask = npt.NDArray[np.bool_]
REAL_FORMAT = Format(64, 64, 16, 8.0)


@dataclass(frozen=True)
class World:
    """One search. `same` and `ignored` are bool (queries, references): who shares a movement, and which pairs decide
    nothing (parts of one shot). `role` and `group` (what is resampled for intervals) are of the queries; `background`
    shares no movement with any of them."""

    name: str
    queries: list[Fields]
    references: list[Fields]
    background: list[Fields]
    role: npt.NDArray[np.str_]
    group: npt.NDArray[np.str_]
    same: Mask
    ignored: Mask

    def part(self, keep: Mask) -> World:
        """The world with some of its queries."""
        chosen = np.flatnonzero(keep)
        return replace(
            self,
            queries=[self.queries[n] for n in chosen],
            role=self.role[keep],
            group=self.group[keep],
            same=self.same[keep],
            ignored=self.ignored[keep],
        )


def rendered(fmt: str, engine: str = "dis") -> World:
    """Rendered clips: references as they are, queries in the format of a model. Every other motion of the null clips
    is background, and the rest of them are queries."""
    clips = specs()
    references = [s for s in clips if s.role in ("reference", "distractor")]
    null = sorted({s.motion for s in clips if s.role == "null"})
    unrelated = _unrelated()
    queries = [s for s in clips if s.role == "motion" or (s.role == "null" and s.motion in null[1::2])]
    queries += [s for s in clips if s.role == "content"]
    same = np.array([[q.motion == r.motion for r in references] for q in queries])
    return World(
        f"rendered {fmt}",
        _flows(queries, fmt, engine, f"queries {fmt}"),
        _flows(references, "full", engine, "references"),
        _flows(unrelated, "full", engine, "background"),
        np.array([q.role for q in queries]),
        np.array([q.motion for q in queries]),
        same,
        np.zeros_like(same),
    )


def behind_few(base: World) -> World:
    """The rendered world, held against the named held-out movements alone: a background of little variety."""
    few = [s for s in _unrelated() if s.motion in HELDOUT_MOTIONS]
    return replace(
        base, name=f"{base.name}, {len(few)} background clips", background=_flows(few, "full", "dis", "background")
    )


def _unrelated() -> list[Spec]:
    """Every other movement of the null clips."""
    null = sorted({s.motion for s in specs() if s.role == "null"})
    return [s for s in specs() if s.role == "null" and s.motion in null[::2]]


def natural() -> list[tuple[str, Fields]]:
    """Rendered clips in which nothing moves but the camera, if that, by kind; and objects that move."""
    clips = [s for s in specs() if s.role in ("still", "pan", "zoom", "motion")]
    kinds = ["object" if s.role == "motion" else s.role for s in clips]
    return list(zip(kinds, _flows(clips, "full", "dis", "natural motion"), strict=True))


def degraded(base: World) -> Iterable[tuple[str, str, World]]:
    """By family and level: one query of every known motion, degraded, in the rendered world at full quality."""
    clips = {s.motion: s for s in reversed(specs()) if s.role == "motion"}
    chosen = sorted(clips.values(), key=lambda s: s.motion)
    motions = {m: base.same[base.group == m][0] for m in clips}
    originals = [clip_of(s) for s in chosen]
    for grade in progress(GRADES, len(GRADES), "graded degradations"):
        yield (
            grade.family,
            grade.level,
            replace(
                base,
                name=grade.name,
                queries=[fields_of(degrade(c, grade, n)) for n, c in enumerate(originals)],
                role=np.array(["motion"] * len(chosen)),
                group=np.array([s.motion for s in chosen]),
                same=np.array([motions[s.motion] for s in chosen]),
                ignored=np.zeros((len(chosen), base.same.shape[1]), bool),
            ),
        )


def pooled(family: str) -> bool:
    """Whether a family of degradations counts into the pooled figure."""
    return family not in LISTED_ALONE


def real(base: World, engine: str = "dis", fmt: Format | None = None) -> World:
    """Real pieces in another appearance, against the real ones and all rendered references. Null queries are the
    rendered ones; pieces of one shot decide nothing about each other."""
    pieces = [square for piece in real_clips() for square in _squares(piece)]
    names = [*RESTYLES, *BACKGROUNDS]
    queries, sources = [], []
    for n, piece in enumerate(progress(pieces, len(pieces), "restyled real clips")):
        for style in names:
            clip = restyled(piece, style, 0)
            if clip is not None:
                queries.append(fields_of(clip if fmt is None else to_format(clip, fmt), engine))
                sources.append(n)
    references = [fields_of(p.clip, engine) for p in pieces]
    shot = np.array([f"{p.film} {p.shot}" for p in pieces])
    place = np.array([f"{p.film} {p.shot} {p.start_s}" for p in pieces])
    own = np.array(sources)[:, None] == np.arange(len(pieces))[None]
    alike = shot[sources][:, None] == shot[None]
    others = np.zeros((len(queries), len(base.references)), bool)
    null = base.part(base.role == "null")
    rest = np.zeros((len(null.queries), len(pieces) + len(base.references)), bool)
    return World(
        "real, restyled" + (f" {fmt.width}px-{fmt.frames}f" if fmt else ""),
        queries + null.queries,
        references + base.references,
        base.background,
        np.array(["motion"] * len(queries) + ["null"] * len(null.queries)),
        np.array([*place[sources], *null.group]),
        np.concatenate([np.concatenate([own, others], 1), rest]),
        np.concatenate([np.concatenate([alike & ~own, others], 1), rest]),
    )


def _squares(piece: RealClip) -> list[RealClip]:
    """The left and the right square of a wide piece: what moves in one hardly shows in the other."""
    height, width = piece.clip.frames.shape[1:3]
    if width < 1.25 * height:
        return [piece]
    cuts: list[Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]] = [
        lambda f: f[:, :, :height],
        lambda f: f[:, :, width - height :],
    ]
    squares = []
    for side, take in zip(("left", "right"), cuts, strict=True):
        frames = np.ascontiguousarray(take(piece.clip.frames))
        info = MediaInfo("video", piece.clip.info.fps, len(frames), height, height, piece.clip.info.duration_s)
        clip = Clip(frames, piece.clip.times_s, info)
        squares.append(replace(piece, film=f"{piece.film} {side}", clip=clip))
    return squares


def _flows(clips: list[Spec], fmt: str, engine: str, what: str) -> list[Fields]:
    return [_flow(s, fmt, engine) for s in progress(clips, len(clips), f"{engine} flow, {what}")]


@cache
def _flow(spec: Spec, fmt: str, engine: str) -> Fields:
    clip, wanted = clip_of(spec), FORMATS[fmt]
    return fields_of(clip if wanted is None else to_format(clip, wanted), engine)
