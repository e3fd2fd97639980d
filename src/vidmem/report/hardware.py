"""The machine and the package versions that made a report: kinds and sizes, never names of hosts or users."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import vidmem

PACKAGES = (
    "snakemake",
    "torch",
    "torchvision",
    "diffusers",
    "transformers",
    "av",
    "faiss-cpu",
    "onnxruntime",
    "opencv-python-headless",
    "numpy",
    "scipy",
    "polars",
    "pyarrow",
)
SHORT = {"faiss-cpu": "faiss", "opencv-python-headless": "opencv"}


def versions() -> dict[str, str | None]:
    """Versions of Python, vidmem and the packages whose results the audit rests on; None: not installed."""
    found: dict[str, str | None] = {"python": platform.python_version(), "vidmem": vidmem.__version__}
    for package in PACKAGES:
        try:
            found[SHORT.get(package, package)] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[SHORT.get(package, package)] = None
    return found


def hardware() -> dict[str, Any]:
    """CPUs that this process may use, memory in GiB, architecture, system, and the first GPU's model or None."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpus": cpus, "memory_gib": _memory_gib(), "machine": platform.machine(), "gpu": _gpu()}


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None


def _gpu(root: Path = Path("/proc/driver/nvidia/gpus")) -> str | None:
    # The driver's own listing: asking torch would load it, seconds and hundreds of MB, for one line of text.
    for info in sorted(root.glob("*/information")):
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "Model" and value.strip():
                return value.strip()
    return None
