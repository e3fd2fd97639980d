"""What the metrics promise, each beside what is measured. Run by hand:

    python bench/truth/promises.py --seed 0

Prints a line a promise and ends with status 1 where one is broken. Nothing is downloaded, and nothing is written: the
tables behind the figures are those of content.py, motion.py and calibration.py, which this calls with the default
scores alone. About fifteen minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import calibration
import content
import content_scores as cs
import cv2
import motion
import numpy as np
from degrade import GRADES, NONE

from vidmem.config.features import Features
from vidmem.features.engines import frame_engine

JUDGED = cs.variant("gsscd_max", 1.0, 5, cs.FRAME)  # `content_normalised` of the audit
ALONE = ("mirror", "speed", "reversed")


@dataclass(frozen=True)
class Promise:
    """A figure and the bound that it must keep; no bound for what is listed by itself."""

    what: str
    measured: float
    least: float | None = None
    most: float | None = None
    note: str = ""

    @property
    def kept(self) -> bool:
        return (self.least is None or self.measured >= self.least) and (self.most is None or self.measured <= self.most)

    def __str__(self) -> str:
        bound = f">= {self.least:g}" if self.least is not None else f"<= {self.most:g}" if self.most is not None else ""
        mark = "" if not bound else "kept" if self.kept else "BROKEN"
        return f"{self.what:66s} {self.measured:8.4f}  {bound:10s} {mark:6s} {self.note}"


def about_content(seed: int) -> Iterator[Promise]:
    """Copies against everything else, by the judged score and by the plain ones."""
    features = Features()
    embed = content.embedder(frame_engine(features.frames.model_dump(), threads=1), features)
    originals = content.all_originals()
    world = content.build(originals, content.plan_queries(originals, [NONE, *GRADES]), embed, seed)
    truth, families, graded = world.truth(), world.families(), world.graded()
    for name in (JUDGED, "gsscd_max", "vsscd"):
        judge = cs.Judge(world.tables[name], truth, seed)
        bounds = {"undegraded": 0.999, "graded": 0.98} if name == JUDGED else {}
        for part, asked in (("undegraded", families == NONE.family), ("graded", graded)):
            found = judge.figures(asked)
            note = "[{auc_low:.4f}, {auc_high:.4f}], {n} copies; recall@1 {recall_at_1:.3f}".format(**found)
            yield Promise(f"content AUC, {part}, {name}", float(found["auc"] or 0), bounds.get(part), note=note)
        if name == JUDGED:
            for family in ALONE:
                yield Promise(f"content AUC, {family}, {name}", float(judge.auc(families == family)[0]))


def about_motion(seed: int) -> Iterator[Promise]:
    """A shared movement in other content, the same content with another movement, and nobody's movement."""
    tables = motion.judge_all(seed, quick=True)
    by_world: dict[str, dict[str, motion.Row]] = {}
    for row in tables["motion"]:
        by_world.setdefault(row["world"], {})[row["variant"]] = row
    called: list[float] = []
    for world, rows in by_world.items():
        ours, plain = rows[motion.DEFAULT.name], rows[motion.OFS3.name]
        rendered = world.startswith("rendered")
        for what, column, least in (("AUC", "pair_auc", 0.97), ("recall@1", "recall_at_1", 0.9)):
            note = f"[{ours[f'{column}_low']}, {ours[f'{column}_high']}]; OFS-3 raw {plain[column]}"
            yield Promise(f"motion {what}, {world}", ours[column], least if rendered else None, note=note)
            ahead = ours[column] - plain[column]
            yield Promise(f"motion {what}, {world}, ahead of OFS-3 raw by", ahead, float(np.nextafter(0, 1)))
        if ours["content_called"] is not None:
            called.append(ours["content_called"])
            yield Promise(f"same content, other motion: called, {world}", ours["content_called"])
    yield Promise("same content, other motion: called, all formats", float(np.mean(called)), most=0.03)
    for row in tables["natural"]:
        if row["clips"] != "object":
            yield Promise(f"{row['clips']} clips not called natural", 1 - row["called_natural"], most=0.02)
    for row in tables["motion_degradations"]:
        if row["family"] in ("all pooled", *ALONE):
            note = f"OFS-3 raw {row['ofs3_pair_auc']}"
            yield Promise(f"motion AUC, {row['family']} {row['level']}".rstrip(), row["ours_pair_auc"], note=note)


def about_calibration(seed: int) -> Iterator[Promise]:
    """A nominal rate of 1 % against the realised one: it must lie in the interval of that, or above it."""
    sizes = calibration.Sizes(audits=300, fresh=200_000)
    for kind, draw in calibration.kinds(seed).items():
        fresh = np.sort(draw(np.random.default_rng([seed, 1]), sizes.fresh))
        for null_videos in (100, 200, 500):
            row = calibration.judge(kind, draw, null_videos, 0.01, fresh, sizes, seed)
            note = f"realised {row['realised']:.4f}, up to {row['realised_high']}; {sizes.fresh} draws"
            what = f"nominal 1 %: least realised rate, {null_videos} null videos, {kind}"
            yield Promise(what, row["realised_low"], most=0.01, note=note)


def main() -> int:
    """Measure and print; 1 where a promise is broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="of degradations, draws and bootstraps")
    seed = parser.parse_args().seed
    cv2.setNumThreads(1)
    found = []
    for part in (about_calibration, about_content, about_motion):
        for promise in part(seed):
            print(promise, flush=True)
            found.append(promise)
    broken = [p for p in found if not p.kept]
    print(
        f"seed {seed}: {len(broken)} of {sum(p.least is not None or p.most is not None for p in found)} promises broken"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
