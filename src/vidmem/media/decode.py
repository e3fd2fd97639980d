"""The one decoder: the pictures of a file in display order, with their times.

PyAV decodes videos (and GIF), Pillow decodes images and animated WebP. Sizes are checked against the header
before a pixel is decoded. One decoder thread, so that results don't depend on the machine's cores.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import av
import av.error
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from vidmem.config.media import Limits
from vidmem.media.container import DEMUXERS, PICTURES, STILL_IF_SINGLE, check_whole, sniff
from vidmem.media.ref import MediaError, MediaRef, Window, open_window

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Picture:
    """One decoded picture. `rgb()` converts it, uint8 (height, width, 3); call it before asking for the next."""

    time_s: float  # from the first picture
    length_s: float  # how long it is shown; 0 if the file doesn't say
    width: int
    height: int
    rgb: Callable[[], Pixels]
    can_be_still: bool  # alone in its file, it is an image and no video
    promised_s: float | None  # the duration that the header promises, if it does
    promised_frames: int | None
    rate_hz: float | None = None  # the header's mean rate


def pictures(ref: MediaRef, limits: Limits) -> Iterator[Picture]:
    """Yield the pictures of `ref` in display order.

    Raises `MediaError` for what is no media file, damaged, truncated or beyond `limits`; also part way.
    """
    with open_window(ref, limits) as file:
        container = sniff(file)
        check_whole(file, container)
        decode = _film if container in DEMUXERS else _images
        number = 0
        for number, picture in enumerate(decode(file, container, limits), 1):
            if number > limits.max_frames:
                raise MediaError(f"more than {limits.max_frames} frames")
            if picture.time_s > limits.max_duration_s:
                raise MediaError(f"longer than {limits.max_duration_s:g} s")
            yield picture
        if not number:
            raise MediaError("truncated: no frame can be decoded")


def check_size(width: int, height: int, limits: Limits) -> None:
    """Raise `MediaError` where a side is beyond the bound."""
    if max(width, height) > limits.max_side:
        raise MediaError(f"first frame {width}x{height} is larger than {limits.max_side}")
    if min(width, height) < 1:
        raise MediaError("the header gives no picture size")


def _film(file: Window, container: str, limits: Limits) -> Iterator[Picture]:
    # FFmpeg itself refuses larger pictures: the header's size need not be that of the coded pictures.
    guard = {"max_pixels": str(limits.max_side**2), "threads": "1"}
    with _open(file, container, guard) as source:
        stream = _video_stream(source)
        if not stream.width:  # refused by the guard, which leaves no size to name
            file.seek(0)
            with _open(file, container, {"codec_whitelist": "none"}) as header:
                check_size(header.streams.video[0].width, header.streams.video[0].height, limits)
            raise MediaError(f"first frame is larger than {limits.max_side}, and than its header says")
        check_size(stream.width, stream.height, limits)
        stream.codec_context.options = guard
        stream.thread_count = 1
        yield from _frames(source, stream, container, limits)


def _open(file: Window, container: str, options: dict[str, str]) -> Any:
    try:
        return av.open(cast(Any, file), "r", format=DEMUXERS[container], options=options, buffer_size=1 << 18)
    except (av.error.FFmpegError, UnicodeError) as error:  # the latter: tags in another encoding
        raise MediaError(f"damaged: {_plain(error)}") from None


def _video_stream(source: Any) -> Any:
    streams = [s for s in source.streams.video if "attached_pic" not in str(s.disposition)]
    if not streams:
        raise MediaError("no video in the file")
    if streams[0].codec_context is None:
        raise MediaError("no decoder for this codec")
    return streams[0]


def _frames(source: Any, stream: Any, container: str, limits: Limits) -> Iterator[Picture]:
    base = stream.time_base.numerator / stream.time_base.denominator
    promised_s = stream.duration * base if stream.duration else None
    if promised_s and promised_s > limits.max_duration_s:
        raise MediaError(f"lasts {promised_s:.0f} s, longer than {limits.max_duration_s:g} s")
    rate = stream.average_rate or stream.guessed_rate
    step = rate.denominator / rate.numerator if rate else 0.04
    start: float | None = None
    shape, last = None, -step
    for number, frame in enumerate(_decoded(source, stream)):
        if start is None:
            start = frame.pts * base if frame.pts is not None else 0.0
            shape = (frame.width, frame.height)
            check_size(*shape, limits)
        elif (frame.width, frame.height) != shape:
            raise MediaError(f"the picture size changes at frame {number}")
        # Times never go back, and a frame without one follows at the mean rate.
        last = max(frame.pts * base - start, last) if frame.pts is not None else last + step
        turned = frame.rotation % 180 == 90
        yield Picture(
            time_s=last,
            length_s=(frame.duration or 0) * base,
            width=frame.height if turned else frame.width,
            height=frame.width if turned else frame.height,
            rgb=partial(_upright, frame),
            can_be_still=container in STILL_IF_SINGLE,
            promised_s=promised_s,
            promised_frames=stream.frames or None,
            rate_hz=1 / step if rate else None,
        )


def _decoded(source: Any, stream: Any) -> Iterator[Any]:
    number = 0
    try:
        for packet in source.demux(stream):
            for frame in packet.decode():
                yield frame
                number += 1
    except av.error.FFmpegError as error:
        raise MediaError(f"damaged: frame {number} can't be decoded ({_plain(error)})") from None


def _plain(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _upright(frame: Any) -> Pixels:
    rgb: Pixels = frame.to_ndarray(format="rgb24")
    quarter_turns = round(frame.rotation / 90)  # counter-clockwise, from the container's display matrix
    return np.ascontiguousarray(np.rot90(rgb, quarter_turns)) if quarter_turns % 4 else rgb


def _images(file: Window, container: str, limits: Limits) -> Iterator[Picture]:
    try:
        yield from _pillow(file, container, limits)
    except MediaError:
        raise
    except Image.DecompressionBombError:
        raise MediaError(f"first frame is larger than {limits.max_side}") from None
    except Exception as error:  # Pillow's plugins raise whatever their parsing ran into
        kind = "truncated" if "truncated" in str(error) else "damaged"
        raise MediaError(f"{kind}: the image can't be decoded ({type(error).__name__})") from None


def _pillow(file: Window, container: str, limits: Limits) -> Iterator[Picture]:
    with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):
        image = Image.open(io.BufferedReader(file), formats=[PICTURES[container]])  # reads the header, no pixels
    with image:
        check_size(*image.size, limits)
        count = int(getattr(image, "n_frames", 1)) if container in ("webp", "png") else 1
        time = 0.0
        for number in range(count):
            image.seek(number)
            image.load()
            upright = ImageOps.exif_transpose(image)
            # A length of 0 is shown for a tenth of a second, as browsers do.
            length = float(image.info.get("duration") or 100) / 1000 if count > 1 else 0.0
            yield Picture(time, length, *upright.size, partial(_opaque, upright), True, None, count)
            time += length


def _opaque(image: Image.Image) -> Pixels:
    """RGB over black: colours behind full transparency are arbitrary."""
    if image.mode.startswith("I") or image.mode == "F":  # 16 bits and more: scale, for Pillow would clip
        grey = np.asarray(image, np.float64)
        grey = np.clip(grey / 257 if grey.max(initial=0) > 255 else grey, 0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        over = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(over, image.convert("RGBA"))
    return np.array(image.convert("RGB"), np.uint8)
