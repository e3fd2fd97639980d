"""Which content score tells a copy from everything else, however the copy was degraded? Run by hand:

    python bench/truth/content.py --out bench/truth --seed 0

Writes content.csv (one row a variant of the score), content_degradations.csv (four of them side by side, one row a
family and level) and content_background.csv (whether the kind of background matters); with `--engines` only
content_engines.csv (one row an engine, size and crop). Rendered clips and pieces of real films are degraded by every
grade of degrade.py and brought through features as the pipeline does. Nothing is downloaded. Four to five minutes on
one core, and as many for `--engines`.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import content_scores as cs
import cv2
import numpy as np
from degrade import GRADES, LISTED_ALONE, NONE, Grade, degrade, of_rate
from real import real_clips

from vidmem.config.features import Features
from vidmem.corpus.made.contents import CORPUS_CONTENTS, HELDOUT_CONTENTS, MOTION_CONTENTS
from vidmem.corpus.made.motions import CORPUS_MOTIONS, HELDOUT_MOTIONS
from vidmem.corpus.made.render import CAMERAS, render_clip
from vidmem.features.engines import FrameEngine, frame_engine
from vidmem.features.gate import usable
from vidmem.features.preprocess import to_short_edge
from vidmem.features.run import plan_of
from vidmem.features.sampling import sample_clip
from vidmem.media import Clip
from vidmem.progress import progress

Role = Literal["reference", "look-alike", "unrelated", "background"]
HEIGHT, WIDE, FPS, SECONDS = 192, 340, 12.0, 2.0
PLAIN = "gsscd_max"  # what the others are held against
SIDE_BY_SIDE = (PLAIN, "gsscd_3", "vsscd", "gsscd_max - 1 top-5")  # in content_degradations.csv
HARD = {"scale 1/6", "crop 65%", "aspect x0.75", "crf 45", "blur 2.0%", "noise 25", "overlay text", "letterbox 16%",
        "web re-upload", "small 48px-8f"}  # fmt: skip
ENGINES = ("sscd-int8", "sscd-distilled")
EDGES, CROPS = (96, 128, 160, 224, 288), ("none", "centre")


@dataclass(frozen=True)
class Original:
    """A clip before it is degraded. `shot`: its layout, or the shot of a film; `kin`: that, or the whole film."""

    role: Role
    shot: str
    kin: str
    clip: Clip


@dataclass(frozen=True)
class Query:
    """A degraded clip's frame vectors, and the number of the original that it was made of."""

    original: int
    grade: Grade
    vectors: cs.Vectors


@dataclass(frozen=True)
class World:
    """Queries, the vectors of references (originals 0, 1, ...) and of background clips, and the score tables."""

    originals: list[Original]
    references: int
    queries: list[Query]
    tables: cs.Table
    lost: int  # degraded clips of which the gate left no frame

    def truth(self) -> cs.Truth:
        """Who is a copy of what. The negatives are the queries of all families but those listed alone."""
        shots, kin = (np.array([getattr(o, name) for o in self.originals]) for name in ("shot", "kin"))
        of = np.array([q.original for q in self.queries])
        return cs.Truth(
            original=np.where(of < self.references, of, -1),
            group=np.unique(shots, return_inverse=True)[1][of],
            kin=kin[of][:, None] == kin[None, : self.references],
            same=shots[of][:, None] == shots[None, : self.references],
            pooled=~np.isin(self.families(), LISTED_ALONE),
        )

    def families(self) -> Any:
        """Each query's family of degradations."""
        return np.array([q.grade.family for q in self.queries])

    def graded(self) -> Any:
        """Which queries count as degraded: all but the undegraded and the families listed alone."""
        return ~np.isin(self.families(), (*LISTED_ALONE, NONE.family))


Embed = Callable[[Clip], cs.Vectors]


def embedder(engine: FrameEngine, features: Features) -> Embed:
    """A clip's frame vectors as the features stage makes them, (frames that pass the gate, D); the same pixels are
    embedded once."""
    settings = features.model_dump()
    plan = replace(plan_of(settings), max_flows=0)
    known: dict[bytes, Any] = {}

    def embed(clip: Clip) -> cs.Vectors:
        frames = sample_clip(clip, plan).frames
        seen = to_short_edge(frames[usable(frames, features.frames.min_std)], features.frames.short_edge)
        keys = [hashlib.sha256(frame.tobytes()).digest() for frame in seen]
        new = [n for n, key in enumerate(keys) if key not in known and key not in keys[:n]]
        known.update(zip([keys[n] for n in new], engine.embed(seen[new]), strict=True))
        return np.stack([known[key] for key in keys]) if keys else np.zeros((0, engine.dim), np.float32)

    return embed


def rendered(role: Role, contents: Iterable[str], seeds: Iterable[int], motions: Iterable[str]) -> list[Original]:
    """Layouts `seeds` of each content; every other one is 16:9, the rest are square."""
    cameras, names, out = itertools.cycle(CAMERAS), itertools.cycle(motions), []
    for n, (content, seed) in enumerate(itertools.product(contents, seeds)):
        width = WIDE if (n + seed) % 2 else HEIGHT
        frames = render_clip(
            content, next(names), next(cameras), width=width, height=HEIGHT, fps=FPS, seconds=SECONDS, seed=seed
        )
        out.append(Original(role, f"{content}-{seed}", f"{content}-{seed}", of_rate(frames, FPS)))
    return out


def all_originals() -> list[Original]:
    """References first: every corpus content in four layouts, and the real pieces. Then other layouts of these
    contents, held-out contents, and the background, whose contents are neither's."""
    corpus, held = list(CORPUS_MOTIONS), list(HELDOUT_MOTIONS)
    real = [Original("reference", f"{p.film}-{p.shot}", p.film, p.clip) for p in real_clips()]
    return [
        *rendered("reference", CORPUS_CONTENTS, range(4), corpus),
        *real,
        *rendered("look-alike", CORPUS_CONTENTS, (4, 5), held),
        *rendered("unrelated", HELDOUT_CONTENTS, range(4), held),
        *rendered("background", MOTION_CONTENTS, range(4), corpus),
    ]


def plan_queries(originals: Sequence[Original], grades: Sequence[Grade]) -> list[tuple[int, Grade]]:
    """All clips undegraded, real ones under every grade, the other references under every second and non-copies under
    every third, in turn."""
    pairs = []
    for n, original in enumerate(originals):
        if original.role != "background":
            every = 1 if original.kin != original.shot else 2 if original.role == "reference" else 3
            pairs += [(n, g) for m, g in enumerate(grades) if (n + m) % every == 0 or g.family == NONE.family]
    return pairs


def build(originals: list[Original], pairs: Sequence[tuple[int, Grade]], embed: Embed, seed: int) -> World:
    """Degrade, embed and score."""
    references = sum(o.role == "reference" for o in originals)
    library = cs.Library.of([embed(o.clip) for o in originals[:references]])
    background = cs.Library.of([embed(o.clip) for o in originals if o.role == "background"])
    made = progress(pairs, len(pairs), "degraded clips")
    queries = [Query(n, g, embed(degrade(originals[n].clip, g, seed + n))) for n, g in made]
    kept = [q for q in queries if len(q.vectors)]
    return World(originals, references, kept, score_tables(kept, library, background), len(queries) - len(kept))


def score_tables(queries: Sequence[Query], library: cs.Library, background: cs.Library) -> cs.Table:
    """Every variant's scores, float (queries, references)."""
    ours = [cs.scores(q.vectors, library) for q in queries]
    theirs = [cs.scores(q.vectors, background) for q in queries]
    by_frame = [cs.frame_normalised(q.vectors, library, background) for q in queries]
    plain, null = ({name: np.stack([row[name] for row in rows]) for name in rows[0]} for rows in (ours, theirs))
    tables = dict(plain)
    for name in plain:
        whole = "fraction" not in name and "segment" not in name
        for beta, k in itertools.product(cs.BETAS, cs.NEAREST) if whole else ((1.0, 5),):
            tables[cs.variant(name, beta, k)] = cs.normalised(plain[name], null[name], beta, k)
    return tables | {name: np.stack([row[name] for row in by_frame]) for name in by_frame[0]}


def judge_variants(world: World, seed: int) -> list[dict[str, Any]]:
    """A row a variant: undegraded, all degraded pooled, the gain in AUC over plain gsscd_max there (resampled
    together), and the family in which it is worst."""
    truth, families, graded = world.truth(), world.families(), world.graded()
    judged = np.unique(families[graded & (truth.original >= 0)])
    rows, draws = [], {PLAIN: cs.Judge(world.tables[PLAIN], truth, seed).auc(graded)}
    for name, table in progress(world.tables.items(), len(world.tables), "variants"):
        judge = cs.Judge(table, truth, seed)
        row: dict[str, Any] = {"variant": name}
        for part, asked in (("undegraded", families == NONE.family), ("graded", graded)):
            row |= {f"{part}_{key}": value for key, value in judge.figures(asked).items()}
        draws.setdefault(name, judge.auc(graded))
        row |= cs.interval("graded_auc_gain", draws[name] - draws[PLAIN])
        worst = min(judged, key=lambda family: (judge.auc(families == family)[0], family))
        found = judge.figures(families == worst)
        rows.append(
            row | {"worst_family": worst} | {f"worst_{key}": found[key] for key in ("auc", "auc_low", "auc_high")}
        )
    return rows


def judge_degradations(world: World, seed: int) -> list[dict[str, Any]]:
    """A row a family, a level and a variant; `all` levels of each family first, `graded` pools the families."""
    truth, families = world.truth(), world.families()
    levels = np.array([q.grade.level for q in world.queries])
    real = np.array([world.originals[q.original].kin != world.originals[q.original].shot for q in world.queries])
    sets = [("graded", "all", world.graded()), ("graded", "real films", world.graded() & real)]
    sets += [("graded", "rendered", world.graded() & ~real)]
    for family in dict.fromkeys(families):
        mine = list(dict.fromkeys(levels[families == family]))
        sets += [(family, "all", families == family)] if len(mine) > 1 else []
        sets += [(family, level, (families == family) & (levels == level)) for level in mine]
    judged = [(family, level, asked) for family, level, asked in sets if (asked & (truth.original >= 0)).any()]
    judges = {name: cs.Judge(world.tables[name], truth, seed) for name in SIDE_BY_SIDE}
    return [
        {"family": family, "level": level, "variant": name, **judge.figures(asked)}
        for family, level, asked in judged
        for name, judge in judges.items()
    ]


def judge_backgrounds(world: World, seed: int) -> list[dict[str, Any]]:
    """What becomes of rendered copies among rendered references when the background is of another kind: real films.

    A row a kind of background (none, rendered, real films) and normalisation of gsscd_max.
    """
    real = np.array([o.kin != o.shot for o in world.originals])
    of = np.array([q.original for q in world.queries])
    asked, kept = np.flatnonzero(~real[of]), np.flatnonzero(~real[: world.references])
    films = [q.vectors for q in world.queries if real[q.original] and q.grade.family == NONE.family]
    library = cs.Library.of(films)
    other = np.stack([cs.scores(world.queries[q].vectors, library)[PLAIN] for q in asked])
    plain = world.tables[PLAIN][np.ix_(asked, kept)]
    tables = {("none", PLAIN): plain}
    for beta, k in itertools.product(cs.BETAS, cs.NEAREST):
        name = cs.variant(PLAIN, beta, k)
        tables["rendered", name] = world.tables[name][np.ix_(asked, kept)]
        tables["real films", name] = cs.normalised(plain, other, beta, k)
    truth = world.truth().part(asked, kept)
    return [
        {"background": kind, "variant": name, **cs.Judge(table, truth, seed).figures(world.graded()[asked])}
        for (kind, name), table in tables.items()
    ]


def judge_engines(originals: list[Original], seed: int) -> list[dict[str, Any]]:
    """A row an engine, short edge and crop, by gsscd_max of a frame a second, under the harder grades; the gain in AUC
    is over the config's defaults, resampled together."""
    grades = [NONE, *(g for g in GRADES if g.name in HARD)]
    pairs = [(n, g) for n, g in plan_queries(originals, grades) if n % 2 == 0]
    copies = [(n, g, degrade(originals[n].clip, g, seed + n)) for n, g in pairs]
    rows, draws = [], {}
    for setting in itertools.product(ENGINES, EDGES, CROPS):
        world = _embedded(originals, copies, *setting)
        judge = cs.Judge(world.tables[PLAIN], world.truth(), seed)
        row: dict[str, Any] = dict(zip(("engine", "short_edge", "crop"), setting, strict=True))
        for part, asked in (("undegraded", world.families() == NONE.family), ("graded", world.graded())):
            row |= {f"{part}_{key}": value for key, value in judge.figures(asked).items()}
        draws[setting] = judge.auc(world.graded())
        rows.append(row)
        print(*setting, round(row["graded_auc"], 4), flush=True)
    default = draws[Features().frames.engine, Features().frames.short_edge, Features().crop]
    gains = [cs.interval("graded_auc_gain", found - default) for found in draws.values()]
    return [row | gain for row, gain in zip(rows, gains, strict=True)]


def _embedded(
    originals: list[Original], copies: Sequence[tuple[int, Grade, Clip]], engine: str, edge: int, crop: str
) -> World:
    """A world of clips that are degraded already, with the plain score alone."""
    frames = {"engine": engine, "short_edge": edge, "rate_hz": 1.0}
    features = Features.model_validate({"frames": frames, "crop": crop})
    embed = embedder(frame_engine(features.frames.model_dump(), threads=1), features)
    references = [o for o in originals if o.role == "reference"]
    library = cs.Library.of([embed(o.clip) for o in references])
    queries = [Query(n, g, embed(clip)) for n, g, clip in copies]
    kept = [q for q in queries if len(q.vectors)]
    table = np.stack([cs.scores(q.vectors, library)[PLAIN] for q in kept])
    return World(originals, len(references), kept, {PLAIN: table}, len(queries) - len(kept))


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """A CSV table, numbers to four places."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()} for row in rows)


def main() -> None:
    """Degrade, embed, judge, write; print what the defaults reach."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engines", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    originals = all_originals()
    if arguments.engines:
        write(arguments.out / "content_engines.csv", judge_engines(originals, arguments.seed))
        return
    features = Features()
    embed = embedder(frame_engine(features.frames.model_dump(), threads=1), features)
    world = build(originals, plan_queries(originals, [NONE, *GRADES]), embed, arguments.seed)
    write(arguments.out / "content.csv", judge_variants(world, arguments.seed))
    rows = judge_degradations(world, arguments.seed)
    write(arguments.out / "content_degradations.csv", rows)
    write(arguments.out / "content_background.csv", judge_backgrounds(world, arguments.seed))
    print(f"seed {arguments.seed}: {len(world.queries)} queries, {world.references} references, {world.lost} lost")
    pooled = {row["family"] for row in rows if row["level"] == "all"}
    for row in rows:
        if row["level"] == "all" or row["family"] not in pooled:
            print("{family:10s} {variant:19s} n {n:4d}  AUC {auc:.4f} [{auc_low:.4f}, {auc_high:.4f}]".format(**row))


if __name__ == "__main__":
    main()
