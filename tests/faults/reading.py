"""What the process that reads files has cost so far."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def peak_mb(apart: Any) -> float:
    """Most memory that the reading process has held, in MB; of one that was started anew or is gone, 0."""
    try:
        status = Path(f"/proc/{apart._process.pid}/status").read_text()
    except (OSError, AttributeError):
        return 0.0
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(lines["VmHWM"].split()[0]) / 1024 if "VmHWM" in lines else 0.0
