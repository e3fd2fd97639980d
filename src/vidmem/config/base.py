"""What all config sections share: no unknown keys, and frozen once read."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the config file. Unknown keys are errors, so that a typo can't be silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
