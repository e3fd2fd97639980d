"""The workflow's fixtures (`tests/workflow/conftest.py`), for audits that are harmed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_PATH = Path(__file__).parents[1] / "workflow" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("workflow_fixtures", _PATH)
assert _SPEC and _SPEC.loader
_MODULE = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = _MODULE
_SPEC.loader.exec_module(_MODULE)

make_workflow, four_clips = _MODULE.make_workflow, _MODULE.four_clips
