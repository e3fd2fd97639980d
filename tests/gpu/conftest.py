"""The GPU room: what vidmem promises of a GPU, shown on one, with real pipelines that are tiny.

Where torch sees no GPU each file here is one skipped test, and nothing of it is imported. With VIDMEM_TEST_DEVICE=cpu
in the environment the room runs on the CPU, all but what fills a GPU's memory: mistakes of the tests themselves show.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # of NVIDIA, of NVIDIA under WSL, of AMD
sys.path.append(str(Path(__file__).parents[2] / "bench" / "speed"))  # a network of SSCD's shape


@cache
def why_not() -> str | None:
    """Why the room can't be used here; None where it can. CUDA is not initialised."""
    if os.environ.get("VIDMEM_TEST_DEVICE", "cuda") == "cpu":
        return None
    if any(Path(driver).exists() for driver in DRIVERS):  # importing torch takes seconds
        os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
        import torch

        if torch.cuda.is_available():
            return None
    return "no GPU is here, which torch would see"


class Closed(pytest.Module):
    """A file that is not imported."""

    def collect(self) -> Iterable[pytest.Item]:
        pytest.skip(why_not() or "")


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Every file is closed where there is no GPU."""
    return Closed.from_parent(parent, path=module_path) if why_not() else None


@pytest.fixture(autouse=True, scope="module")
def memory() -> Iterator[None]:
    """What a file's tests held on the GPU is free for the next one's."""
    yield
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
