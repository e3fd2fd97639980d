"""What the script of each rule imports, read from the code: its own imports and those of all vidmem that it reaches."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"


@dataclass(frozen=True)
class Rule:
    """A rule, the name of its environment, and its script."""

    name: str
    environment: str
    script: Path


@cache
def rules() -> tuple[Rule, ...]:
    found = []
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        parts = re.split(r"^ *rule (\w+):$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for name, body in zip(parts[1::2], parts[2::2], strict=True):
            environment = re.search(r'"\.\./\.\./envs/(\w+)\.yaml"', body)
            script = re.search(r'"\.\./scripts/(\w+\.py)"', body)
            assert environment and script, name
            found.append(Rule(name, environment.group(1), ROOT / "workflow" / "scripts" / script.group(1)))
    return tuple(found)


@cache
def packages(start: Path, late: bool) -> frozenset[str]:
    """Packages that a file imports, itself or by vidmem's modules; `late`: also those that functions import."""
    found: set[str] = set()
    seen, todo = {start}, [start]
    while todo:
        for module in modules(todo.pop(), late):
            top = module.partition(".")[0]
            if top == "vidmem":
                files = [f for f in own_files(module) if f not in seen]
                seen.update(files)
                todo += files
            elif top not in sys.stdlib_module_names:
                found.add(package_of()[top])
    return frozenset(found)


@cache
def package_of() -> dict[str, str]:
    """Package of each module that is installed, by what one imports."""
    return {module: canonicalize_name(names[0]) for module, names in packages_distributions().items()}


@cache
def modules(path: Path, late: bool) -> frozenset[str]:
    return frozenset(imported(ast.parse(path.read_text(encoding="utf-8")), late))


def imported(node: ast.AST, late: bool) -> Iterator[str]:
    """Names of modules that code imports, and of what it takes from them, which may be modules too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (name.name for name in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.module and child.level == 0
            yield child.module
            yield from (f"{child.module}.{name.name}" for name in child.names)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        elif late or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imported(child, late)


def own_files(module: str) -> list[Path]:
    """The files of a module of vidmem and of the packages that it lies in, and of a name that a package loads late."""
    parts = module.split(".")
    names = [Path(*parts[:n]) for n in range(1, len(parts) + 1)]
    candidates = [SOURCE / name / "__init__.py" for name in names] + [SOURCE / f"{name}.py" for name in names]
    found = [path for path in candidates if path.is_file()]
    package, _, name = module.rpartition(".")
    late = loaded_late(SOURCE / Path(*package.split(".")) / "__init__.py").get(name)
    return found + own_files(late) if late else found


@cache
def loaded_late(package: Path) -> dict[str, str]:
    """Modules of the names that a package loads when they are asked for (`vidmem.lazy`): it tells type checkers."""
    if not package.is_file():
        return {}
    told = [node for node in ast.parse(package.read_text(encoding="utf-8")).body if isinstance(node, ast.If)]
    imports = [child for node in told for child in node.body if isinstance(child, ast.ImportFrom)]
    return {name.name: str(child.module) for child in imports for name in child.names}
