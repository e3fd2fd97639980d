"""How many rows a stage may lose before it fails."""

from __future__ import annotations

from collections.abc import Sequence

from vidmem.tables.schemas import OK


class TooManyLost(RuntimeError):
    """More rows of a stage were skipped or failed than `max_loss` allows."""


def check_loss(stage: str, statuses: Sequence[str], reasons: Sequence[str | None], max_loss: float) -> None:
    """Fail `stage` by name when more than the share `max_loss` of its rows are not `ok`."""
    lost = [r for s, r in zip(statuses, reasons, strict=True) if s != OK]
    if statuses and len(lost) / len(statuses) > max_loss:
        first = "; ".join(sorted({str(r) for r in lost})[:3])
        raise TooManyLost(
            f"stage {stage}: {len(lost)} of {len(statuses)} rows are not ok, more than max_loss {max_loss:g} allows. "
            f"First reasons: {first}. Mend the files, or raise {stage}.max_loss in the config."
        )
