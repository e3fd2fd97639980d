"""Packages load their names when they are asked for, and a process that decodes loads little."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

HEAVY = ["onnxruntime", "polars", "pyarrow", "rich", "torch", "vidmem.config.audit", "vidmem.features.run"]


@pytest.mark.parametrize("name", ["vidmem.config", "vidmem.features"])
def test_every_name_that_a_package_promises_is_there_and_no_other(name: str) -> None:
    package = importlib.import_module(name)
    for promised in package.__all__:
        assert getattr(package, promised) is not None
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'extract_featurse'"):
        package.extract_featurse  # noqa: B018 - it is asked for


def test_the_process_that_decodes_loads_no_more_than_it_needs() -> None:
    code = "import sys, vidmem.media.reader, vidmem.features.sampling; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "vidmem.features.sampling" in loaded
    assert not set(HEAVY) & set(loaded)
