"""What all config sections share: no unknown keys, and frozen once read."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the config file. Unknown keys are errors, so that a typo can't be silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"


def _no_escape(value: str) -> str:
    if "\x00" in value:
        raise ValueError("a path may not hold a NUL character")
    if ".." in PurePosixPath(value).parts:
        raise ValueError("a path inside results may not hold '..'")
    return value


InsidePath = Annotated[str, AfterValidator(_no_escape)]
