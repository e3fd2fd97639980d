"""The config's schema and handbook, generated from the pydantic models so that they can't drift.

`python -m vidmem.config.handbook` writes `workflow/schemas/config.schema.yaml` and `config/README.md`.
"""

from __future__ import annotations

from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from vidmem.config.audit import Audit

HEAD = """# The config of an audit

An audit is one YAML file: `config/config.yaml` is the demo, and `snakemake --configfile config/mine.yaml` runs yours.
A misspelt key or an impossible value ends the run before it starts, with one line that names it. Paths are relative
to the folder that `snakemake` runs in.

This page is generated from the models in `src/vidmem/config/` (`make docs`).
"""


def schema_text() -> str:
    """JSON Schema of the config file, as YAML."""
    schema = Audit.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return "# Generated from src/vidmem/config (make docs). Do not edit.\n" + yaml.safe_dump(
        schema, sort_keys=True, allow_unicode=True, width=110
    )


def handbook_text() -> str:
    """`config/README.md`: every key, what it means, its values, its default."""
    parts = [HEAD, *_section(Audit, "")]
    return "\n".join(parts)


def _section(model: type[BaseModel], path: str, variant: str = "") -> list[str]:
    title = f"`{path}`" if path else "Top level"
    if variant:
        title += f", kind `{variant}`"
    doc = " ".join((model.__doc__ or "").split())
    lines = [f"\n## {title}\n", f"{doc}\n", "| key | values | default | meaning |", "|---|---|---|---|"]
    below: list[str] = []
    for name, field in model.model_fields.items():
        meaning = " ".join((field.description or ("Which kind of entry this is." if name == "kind" else "")).split())
        lines.append(f"| `{name}` | {_values(field)} | {_default(field)} | {_escape(meaning)} |")
        child = f"{path}.{name}" if path else name
        entries = f"{child}.<name>" if get_origin(field.annotation) is dict else child
        inside = _models_in(field.annotation)
        for inner in inside:
            kind = get_args(inner.model_fields["kind"].annotation)[0] if len(inside) > 1 else ""
            below += _section(inner, entries, kind)
    return lines + below


def _values(field: FieldInfo) -> str:
    bounds = []
    for rule in field.metadata:
        for attribute, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"), ("multiple_of", "multiple of")):
            value = getattr(rule, attribute, None)
            if value is not None:
                bounds.append(f"{sign} {value}")
    return _escape(", ".join([_type_name(field.annotation), *bounds]))


def _type_name(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_name(args[0])
    if origin is Literal:
        return ", ".join(f"`{a}`" for a in args)
    if _models_in(annotation):
        return "see below"
    if origin is list:
        return f"list of {_type_name(args[0])}"
    if args:
        return " or ".join(_type_name(a) for a in args if a is not NoneType)
    name = str(annotation.__name__)
    return {"str": "text", "int": "whole number", "float": "number", "bool": "true, false"}.get(name, name)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "as below"
    return "none" if value is None else f"`{value}`"


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for a in get_args(annotation) for m in _models_in(a)]


def write(root: Path) -> None:
    """Write both files below the checkout `root`."""
    (root / "workflow" / "schemas" / "config.schema.yaml").write_text(schema_text(), encoding="utf-8")
    (root / "config" / "README.md").write_text(handbook_text(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(__file__).parents[3])
