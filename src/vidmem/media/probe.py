"""What a file holds, found by decoding it whole, so that a file that ends early is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from vidmem.config.media import Limits
from vidmem.media.decode import Picture, pictures
from vidmem.media.ref import MediaError, MediaInfo, MediaRef


def probe(ref: MediaRef, limits: Limits) -> MediaInfo:
    """Decode `ref` and say what it holds. Raises `MediaError` with the reason for a file that can't be used."""
    survey = Survey()
    for _ in survey.watch(pictures(ref, limits)):
        pass
    return survey.info()


def told(ref: MediaRef, limits: Limits) -> dict[str, Any]:
    """`probe` for a process apart (`media.apart`): the fields of `MediaInfo`."""
    return asdict(probe(ref, limits))


class Survey:
    """Gathers what `MediaInfo` says from the pictures that pass by."""

    def __init__(self) -> None:
        self.frames = 0
        self.first: Picture | None = None
        self.last: Picture | None = None

    def watch(self, source: Iterator[Picture]) -> Iterator[Picture]:
        """Yield the pictures on; at the end, raise `MediaError` if fewer came than the header promised."""
        for picture in source:
            self.frames += 1
            self.first = self.first or picture
            self.last = picture
            yield picture
        self._keep_promise()

    def _keep_promise(self) -> None:
        """A stream of edited parts may hold more samples than it shows: only short in both counts is truncated."""
        assert self.first
        promised, promised_s = self.first.promised_frames, self.first.promised_s
        few = promised is not None and self.frames < promised
        short = promised_s is None or self.duration() < promised_s - 1.5 * self._step()
        if few and short:
            raise MediaError(f"truncated: {self.frames} of {promised} frames can be decoded")

    def _step(self) -> float:
        assert self.last
        return self.last.time_s / (self.frames - 1) if self.frames > 1 else self.last.length_s

    def _rate(self) -> float:
        """The header's rate where the times bear it out, for containers round them; else what the times say."""
        assert self.first
        measured, told = 1 / self._step(), self.first.rate_hz
        return round(told if told and abs(told - measured) < 0.01 * measured else measured, 3)

    def duration(self) -> float:
        """Seconds from the first picture's start to the last one's end."""
        assert self.last
        return self.last.time_s + (self.last.length_s or self._step())

    def info(self) -> MediaInfo:
        """What the pictures were, once all have passed."""
        assert self.first
        first = self.first
        step = self._step()
        image = first.can_be_still and self.frames == 1
        return MediaInfo(
            kind="image" if image else "video",
            fps=self._rate() if step > 0 and not image else None,
            frames=self.frames,
            width=first.width,
            height=first.height,
            duration_s=0.0 if image else round(self.duration(), 6),
        )
