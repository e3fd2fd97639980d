"""Stage `report`: what people read, and `summary.json`, which other tools read."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    # `python -m vidmem.report.show` needs none of the plotting and decoding that building needs: seconds of import.
    if name == "build_report":
        from vidmem.report.build import build_report

        return build_report
    if name == "report_from_plan":
        from vidmem.report.stage import report_from_plan

        return report_from_plan
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
