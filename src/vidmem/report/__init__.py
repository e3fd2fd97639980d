"""Stage `report`: what people read."""

from vidmem.report.build import build_report
from vidmem.report.stage import report_from_plan

__all__ = ["build_report", "report_from_plan"]
