"""Files that unfold to much more than they are: refused with a reason, in little time and memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bombs import BOMBS
from reading import peak_mb

from vidmem.config.media import Limits
from vidmem.media import PROBES, Apart, MediaError, MediaRef, probe_apart

LIMITS = Limits(max_decode_s=20, max_memory_mb=512)


@pytest.fixture(scope="module")
def apart() -> Iterator[Apart]:
    with Apart(PROBES, LIMITS) as found:
        yield found


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_costs_much(apart: Apart, tmp_path: Path, name: str) -> None:
    make, reason = BOMBS[name]
    path = make(tmp_path / name)
    assert path.stat().st_size < 32 * 1024**2
    start = time.monotonic()
    with pytest.raises(MediaError, match=reason):
        probe_apart(apart, MediaRef(path))
    assert time.monotonic() - start < 120  # of a machine that does other things as well: twenty of its own
    assert peak_mb(apart) < 800
