"""The whole config of an audit."""

from __future__ import annotations

import re

from pydantic import Field, ValidationInfo, field_validator

from vidmem.config.analysis import Detect, Metrics, Report, Retrieve, Truth
from vidmem.config.base import NAME_PATTERN, Section
from vidmem.config.corpus import Corpus
from vidmem.config.duplicates import Duplicates
from vidmem.config.features import Features
from vidmem.config.generate import Generate
from vidmem.config.mitigate import Mitigate
from vidmem.config.models import Model, Planted
from vidmem.config.prompts import Prompts

RESERVED = (
    "corpus",
    "heldout",
    "motion",
    "unrelated",
    "effective-size",
    "transfer",
)  # subjects of results/ that are no models


class Audit(Section):
    """One audit: a corpus, the models, and how they are compared."""

    audit: str = Field(pattern=NAME_PATTERN, description="Name of the audit: its results are in results/<audit>/.")
    threads: int = Field(
        1,
        ge=1,
        description="Threads of numeric libraries in a job. Fixed here, not taken from --cores, because the number of "
        "threads changes the last digits of results. With 1, as many jobs run side by side as there are cores.",
    )
    corpus: Corpus = Field(description="The reference corpus.")
    prompts: Prompts = Field(default_factory=Prompts, description="Which prompts are put to the models.")
    duplicates: Duplicates = Field(default_factory=Duplicates, description="What stands more than once in the corpus.")
    models: dict[str, Model] = Field(
        default_factory=dict,
        description="The models under audit, by the name that the results bear. Without any, the audit ends with the "
        "prompts.",
    )
    generate: Generate = Field(default_factory=Generate, description="How generation is cut into jobs.")
    features: Features = Field(default_factory=Features, description="Embeddings and optical flow.")
    retrieve: Retrieve = Field(default_factory=Retrieve, description="Nearest-neighbour search.")
    metrics: Metrics = Field(default_factory=Metrics, description="From scores to verdicts.")
    detect: Detect = Field(default_factory=Detect, description="Detection while sampling.")
    mitigate: Mitigate | None = Field(
        None, description="Remedies that are tried on prompts which were answered with copies; left out: none."
    )
    truth: Truth = Field(default_factory=Truth, description="Judging verdicts against planted truth.")
    report: Report = Field(default_factory=Report, description="The report.")

    @field_validator("models")
    @classmethod
    def _names(cls, models: dict[str, Model]) -> dict[str, Model]:
        for name in models:
            if not re.match(NAME_PATTERN, name):
                raise ValueError(f"model name {name!r}: use letters, digits, '-' and '_'")
            if name in RESERVED:
                raise ValueError(f"model name {name!r} is reserved; reserved are {', '.join(RESERVED)}")
        return _with_sizes(models)

    @field_validator("report")
    @classmethod
    def _others(cls, report: Report, info: ValidationInfo) -> Report:
        twice = [name for name in report.beside if report.beside.count(name) > 1]
        if info.data.get("audit") in report.beside:
            raise ValueError(f"beside: {info.data['audit']!r} is this audit itself: name others")
        if twice:
            raise ValueError(f"beside: {twice[0]!r} is named more than once")
        if report.compare and len(set(report.compare)) != 2:
            raise ValueError(f"compare: name two audits that differ, not {report.compare}")
        return report


def _with_sizes(models: dict[str, Model]) -> dict[str, Model]:
    """The models, and those that `sizes` of planted ones adds."""
    found = dict(models)
    for name, model in models.items():
        for clips in model.sizes if isinstance(model, Planted) else []:
            assert isinstance(model, Planted)
            added = f"{name}-of-{clips}"
            if added in found:
                raise ValueError(f"model name {added!r} is given, but `sizes` of {name!r} makes a model of that name")
            found[added] = model.model_copy(update={"clips": clips, "sizes": []})
    return found
