"""Flow fields of the benchmark's clips, by engine, on the finest grid that is asked about.

What a clip's fields are is decided here as the pipeline decides it: sampled at the common rate, cropped to the centre,
by the engine at the default size. Coarser grids are area averages of the finest one.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vidmem.config.features import Flow
from vidmem.features.flow import cell_means
from vidmem.features.preprocess import grey, resize, short_edge_size
from vidmem.features.sampling import Plan, sample_clip
from vidmem.media import Clip
from vidmem.similarity.camera import Fields
from vidmem.similarity.motion import resample

FINEST = 32
SIZE, RATE_HZ, MOST = Flow().size, Flow().rate_hz, Flow().max_flows
PLAN = Plan(2.0, 32, SIZE, RATE_HZ, MOST, SIZE, "centre")
Images = npt.NDArray[np.uint8]
Pair = Callable[[Images, Images], npt.NDArray[np.float64]]  # two grey images -> (2, FINEST, FINEST) in pixels
_DIS = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)


def fields_of(clip: Clip, engine: str = "dis") -> Fields:
    """Velocity fields (T, 2, FINEST, FINEST) of a clip, in shares of the frame's width per second."""
    sampled = sample_clip(clip, PLAN)
    if engine.startswith("raft"):
        moved = _raft(engine, sampled.flow_frames)
    else:
        edge = short_edge_size(sampled.flow_frames.shape[2], sampled.flow_frames.shape[1], SIZE)
        images = resize(grey(sampled.flow_frames), *edge)
        moved = [ENGINES[engine](a, b) / images.shape[2] for a, b in pairwise(images)]
    steps = np.diff(sampled.flow_times_s)
    fields = np.array([m / s for m, s in zip(moved, steps, strict=True)], np.float32)
    return resample(fields.reshape(-1, 2, FINEST, FINEST), sampled.flow_times_s, RATE_HZ, MOST)


def _dis(one: Images, two: Images) -> Any:
    return cell_means(np.moveaxis(_DIS.calc(one, two, None), 2, 0), FINEST)


def _dis_consistent(one: Images, two: Images) -> Any:
    """DIS, averaged over the pixels at which forward and backward flow agree (Sundaram et al. 2010): neither hidden
    nor out of the frame nor without texture. Cells with hardly any such pixel are 0."""
    forward, backward = _DIS.calc(one, two, None), _DIS.calc(two, one, None)
    y, x = np.mgrid[: one.shape[0], : one.shape[1]].astype(np.float32)
    there = x + forward[..., 0], y + forward[..., 1]
    back = cv2.remap(backward, *there, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    error = np.square(forward + back).sum(2)
    agree = error < 0.05 * (np.square(forward).sum(2) + np.square(back).sum(2)) + 1.0
    agree &= (there[0] >= 0) & (there[0] < one.shape[1] - 1) & (there[1] >= 0) & (there[1] < one.shape[0] - 1)
    weight = agree.astype(np.float32)
    share = cell_means(np.stack([weight, weight]), FINEST)
    return np.where(share > 0.1, cell_means(np.moveaxis(forward, 2, 0) * weight, FINEST) / np.maximum(share, 1e-6), 0.0)


def _farneback(one: Images, two: Images) -> Any:
    flow = cv2.calcOpticalFlowFarneback(one, two, None, 0.5, 4, 15, 3, 5, 1.2, 0)  # type: ignore[call-overload]
    return cell_means(np.moveaxis(flow, 2, 0), FINEST)


ENGINES: dict[str, Pair] = {"dis": _dis, "dis-consistent": _dis_consistent, "farneback": _farneback}


def _raft(name: str, frames: Any) -> list[Any]:
    """RAFT with the weights that the environment names (`VIDMEM_RAFT_WEIGHTS`), in shares of the width."""
    import os

    from vidmem.features.flow import RaftFlow

    engine = RaftFlow(name, os.environ["VIDMEM_RAFT_WEIGHTS"], SIZE, 1)
    return [cell_means(flow, FINEST) / flow.shape[2] for flow in engine.flows(frames)]
