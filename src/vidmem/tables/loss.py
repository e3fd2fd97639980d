"""How many rows a stage may lose before it fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from vidmem.tables.schemas import OK


class TooManyLost(RuntimeError):
    """More rows of a stage were skipped or failed than `max_loss` allows."""


def check_loss(stage: str, statuses: Sequence[str], reasons: Sequence[str | None], max_loss: float) -> None:
    """Fail `stage` by name when more than the share `max_loss` of its rows are not `ok`."""
    check_counts(
        stage, len(statuses), Counter(str(r) for s, r in zip(statuses, reasons, strict=True) if s != OK), max_loss
    )


def check_counts(stage: str, rows: int, lost: Mapping[str, int], max_loss: float) -> None:
    """`check_loss` of a stage whose rows are too many to hold: how many there are, and how many not `ok` by reason."""
    count = sum(lost.values())
    if rows and count / rows > max_loss:
        first = "; ".join(sorted(lost)[:3])
        raise TooManyLost(
            f"stage {stage}: {count} of {rows} rows are not ok, more than max_loss {max_loss:g} allows. "
            f"First reasons: {first}. Mend the files, or raise {stage}.max_loss in the config."
        )
