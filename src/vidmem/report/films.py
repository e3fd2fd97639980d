"""The film of a match: both sides in step, with the optical flow of both below where it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from vidmem.report import clips, privacy, strips, words
from vidmem.report.clips import Clip
from vidmem.report.frames import Floats, Frames

Flow = tuple[Floats, npt.NDArray[Any]]  # times (n,) in seconds, and fields (n, 2 * grid * grid)


class Films:
    """Writes films `width` pixels a side under `out/media`."""

    def __init__(self, out: Path, width: int) -> None:
        self._out, self._width = out, 2 * (width // 2)

    def film(
        self,
        sides: Sequence[Frames],
        times: tuple[Floats, Floats],
        flows: Sequence[Flow],
        full: float | None,
        name: str,
    ) -> Clip | None:
        """The film of the frames of both sides at `times`; None where either could not be read.

        A reference that is withheld is a grey field. `full` is the flow's magnitude of full saturation.
        """
        gen, ref = sides
        if isinstance(gen, str) or (isinstance(ref, str) and ref != privacy.WITHHELD):
            return None
        hidden = isinstance(ref, str)
        rows = [[gen, [clips.withheld(gen[0])] if isinstance(ref, str) else ref]]
        if flows and full is not None:
            rows.append(_flow_row(flows, times, full, hidden))
        frames = clips.compose(rows, self._width)
        fps = clips.rate_of(times[0])
        clips.write_clip(self._out / "media" / f"{name}.mp4", frames, fps)
        alt = f"The generated video, left, in step with the reference, right, {words.span(times[0])}"
        alt += ", the optical flow of both below" if flows else ""
        return Clip(f"media/{name}.mp4", frames.shape[2], frames.shape[1], len(frames), fps, float(times[0][0]), alt)


def _flow_row(flows: Sequence[Flow], times: Sequence[Floats], full: float, hidden: bool) -> list[list[strips.Bytes]]:
    gen, ref = (
        clips.flow_pictures(fields[strips.nearest(at, wanted)], full)
        for (at, fields), wanted in zip(flows, times, strict=True)
    )
    return [gen, [clips.withheld(ref[0])] if hidden else ref]
