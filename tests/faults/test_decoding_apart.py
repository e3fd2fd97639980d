"""The process that decodes may die, hang or eat memory on a file: the file is refused, and the next one is read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import mediafiles
import numpy as np
import pytest

from vidmem.config.features import Features
from vidmem.config.media import Limits
from vidmem.features.run import plan_of
from vidmem.features.sampling import READS, Plan, sample, sample_apart
from vidmem.media import PROBES, Apart, Format, MediaError, MediaRef, hash_of, probe, probe_apart

LIMITS = Limits(max_decode_s=1, max_memory_mb=256)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> MediaRef:
    return MediaRef(mediafiles.write(tmp_path_factory.mktemp("videos") / "a.mp4", mediafiles.drifting(16)))


@pytest.fixture(scope="module")
def breaking() -> Iterator[Apart]:
    with Apart("dying:read", LIMITS) as apart:
        yield apart


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("abort", r"^damaged: the decoder broke down on it \(SIGABRT\)$"),
        ("wild pointer", r"^damaged: the decoder broke down on it \(SIGSEGV\)$"),
        ("exit", r"^damaged: the decoder broke down on it \(status 3\)$"),
        ("eat at once", "^decoding it takes more than 256 MB of memory$"),
        ("eat slowly", "^decoding it takes more than 256 MB of memory$"),
        ("spin", "^decoding it takes longer than 1 s$"),
        ("nonsense", "^damaged: the decoder broke down on it"),
        ("raise", r"^damaged: it can't be decoded \(RuntimeError\)$"),
        ("refuse", "^not a video or image$"),
    ],
)
def test_a_breakdown_is_the_files_own_reason_and_the_next_file_is_read(
    breaking: Apart, video: MediaRef, how: str, reason: str
) -> None:
    start = time.monotonic()
    with pytest.raises(MediaError, match=reason):
        breaking.ask(video, how=how)
    assert time.monotonic() - start < 30
    assert breaking.ask(video)["sha256"] == hash_of(video, LIMITS)


def test_a_reader_that_waits_for_ever_is_ended(video: MediaRef) -> None:
    with Apart("dying:read", Limits(max_decode_s=0.1)) as apart:
        with pytest.raises(MediaError, match=r"^no end of decoding it after 1 s$"):
            apart.ask(video, how="hang")
        assert apart.ask(video, how="talk")["sha256"] == hash_of(video, LIMITS)


def test_a_reader_that_cannot_begin_is_no_files_fault(video: MediaRef) -> None:
    with Apart("dying:no_such_function", LIMITS) as apart, pytest.raises(RuntimeError, match="can't begin"):
        apart.ask(video)


def test_a_named_pipe_is_refused_before_anybody_waits_for_it(tmp_path: Path, video: MediaRef) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(MediaError, match="no regular file"):
        hash_of(MediaRef(tmp_path / "pipe.mp4"), LIMITS)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi", ".gif", ".webp"])
def test_what_is_read_apart_is_what_is_read_here(tmp_path: Path, suffix: str) -> None:
    ref = MediaRef(mediafiles.write_any(tmp_path / f"a{suffix}", mediafiles.drifting(16)))
    with Apart(PROBES, LIMITS) as apart:
        assert probe_apart(apart, ref) == probe(ref, LIMITS)


@pytest.mark.parametrize("fmt", [None, Format(32, 32, 8, 8.0)])
@pytest.mark.parametrize("sampling", ["rate", "count", "shot"])
def test_frames_are_the_same_arrays(sampler: Apart, video: MediaRef, sampling: str, fmt: Format | None) -> None:
    plan: Plan = plan_of(Features(sampling=sampling).model_dump())
    here, apart = sample(video, plan, LIMITS, fmt), sample_apart(sampler, video, plan, fmt)
    for name, array in vars(here).items():
        other = vars(apart)[name]
        assert array.dtype == other.dtype and np.array_equal(array, other), name
    apart.frames[0, 0, 0] = 7  # whoever gets them may write to them


@pytest.fixture(scope="module")
def sampler() -> Iterator[Apart]:
    with Apart(READS, LIMITS) as apart:
        yield apart


def test_nothing_is_left_running(video: MediaRef) -> None:
    with Apart("dying:read", LIMITS) as apart:
        apart.ask(video)
        process = apart._process
        assert process is not None and process.poll() is None
    assert process.poll() is not None
