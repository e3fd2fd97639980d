"""Which remedies are tried on which models, and on which of their prompts."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from vidmem.config.base import NAME_PATTERN, Section
from vidmem.config.remedies import Remedy

Strength = Annotated[float, Field(ge=0)]
_ONE: TypeAdapter[Any] = TypeAdapter(Remedy)


class Mitigate(Section):
    """Remedies: prompts that a model answered with copies are asked again under each, and what comes is compared."""

    models: list[str] = Field(min_length=1, description="Names of the models that remedies are tried on.")
    remedies: dict[str, Remedy] = Field(
        min_length=1, description="The remedies, by the name that the results bear: letters, digits, '-' and '_'."
    )
    strengths: dict[str, list[Strength]] = Field(
        {},
        description="A sweep: the strengths at which a remedy is tried, by the remedy's name. Left out of it: the "
        "remedy's own `strength` alone.",
    )
    only: dict[str, list[str]] = Field(
        {},
        description="Models that a remedy is tried on, by the remedy's name, where those are not all of `models`: an "
        "oracle, for one, can't be asked in other words.",
    )
    flagged: int = Field(
        24,
        ge=1,
        description="Most prompts a model that are asked again because of their content or motion verdicts, the "
        "surest first.",
    )
    unflagged: int = Field(
        12,
        ge=0,
        description="Prompts a model without such a verdict that are asked again too: what a remedy does to videos "
        "that needed none.",
    )
    seed: int = Field(0, ge=0, description="Seed of the draw of unflagged prompts, and of rewordings.")

    @model_validator(mode="after")
    def _named(self) -> Mitigate:
        for name in self.remedies:
            if not re.match(NAME_PATTERN, name):
                raise ValueError(f"remedy name {name!r}: use letters, digits, '-' and '_'")
        for name, strengths in self.strengths.items():
            if name not in self.remedies:
                raise ValueError(f"`strengths` names {name!r}, and `remedies` has {', '.join(self.remedies)}")
            if not strengths or len(set(strengths)) < len(strengths):
                raise ValueError(f"`strengths.{name}` must be some numbers, each once")
        for name, models in self.only.items():
            if name not in self.remedies:
                raise ValueError(f"`only` names {name!r}, and `remedies` has {', '.join(self.remedies)}")
            unknown = [model for model in models if model not in self.models]
            if unknown or not models:
                raise ValueError(f"`only.{name}` must be some of `models`: {', '.join(self.models)}")
        for name in self.remedies:
            self.swept(name)
        for name in self.models:
            if self.models.count(name) > 1:
                raise ValueError(f"`models` names {name!r} twice")
        return self

    def tried_on(self, model: str) -> list[str]:
        """Names of the remedies that are tried on this model."""
        return [name for name in self.remedies if model in self.only.get(name, self.models)]

    def swept(self, name: str) -> list[dict[str, Any]]:
        """The remedy of this name at each strength, as `generate_chunk` takes it. `ValueError` for a bad one."""
        remedy = self.remedies[name].model_dump()
        found = []
        for strength in self.strengths.get(name, [remedy["strength"]]):
            try:
                one: dict[str, Any] = _ONE.validate_python({**remedy, "strength": strength}).model_dump()
            except ValidationError as error:
                raise ValueError(f"`strengths.{name}`: {strength:g}: {error.errors()[0]['msg']}") from None
            found.append(one)
        return found
