"""The house rules of the workflow: environments that can't drift, thin scripts, clean lint."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))


def rule_bodies() -> dict[str, str]:
    bodies = {}
    for path in RULES:
        parts = re.split(r"^ *rule (\w+):$", path.read_text(), flags=re.MULTILINE)
        bodies.update(zip(parts[1::2], parts[2::2], strict=True))
    return bodies


def test_every_rule_names_an_environment_that_exists() -> None:
    bodies = rule_bodies()
    assert len(bodies) >= 15
    for name, body in bodies.items():
        found = re.search(r'conda:\s+"\.\./\.\./(envs/\w+\.yaml)"', body)
        assert found and (ROOT / found.group(1)).is_file(), name
        for directive in ("log:", "benchmark:", "resources:", "params:", "message:", "script:"):
            assert directive in body, f"rule {name} has no {directive}"


def test_environments_pin_what_the_requirements_pin(pin: ModuleType) -> None:
    for name, text in pin.files().items():
        assert (ROOT / "envs" / name).read_text() == text, "run `make docs`"
    versions = pin.pins(ROOT / "requirements.txt")
    for path in (ROOT / "envs").glob("*.yaml"):
        packages = yaml.safe_load(path.read_text())["dependencies"][-1]["pip"]
        assert packages
        for line in packages:
            name, version = line.split("==")
            assert versions[name] == version


def test_installed_versions_are_the_pinned_ones(pin: ModuleType) -> None:
    from importlib.metadata import version

    for name, pinned in pin.pins(ROOT / "requirements.txt").items():
        assert version(name) == pinned, name


def test_no_file_holds_a_registry_address() -> None:
    for name in (
        "requirements.txt",
        "requirements-dev.txt",
        "pyproject.toml",
        *(f"envs/{p.name}" for p in (ROOT / "envs").iterdir()),
    ):
        text = (ROOT / name).read_text()
        assert "://" not in text and "index-url" not in text, name


def test_scripts_are_thin_adapters() -> None:
    for path in (ROOT / "workflow" / "scripts").glob("*.py"):
        lines = [line for line in path.read_text().splitlines() if line.strip()]
        assert len(lines) <= 35, path.name
        assert "config" not in re.findall(r"snakemake\.(\w+)", path.read_text()), f"{path.name} reads the config"


def test_the_library_knows_no_snakemake() -> None:
    for path in (ROOT / "src" / "vidmem").rglob("*.py"):
        assert not re.search(r"^\s*(import|from) snakemake", path.read_text(), re.MULTILINE), path


STAGES = {
    "corpus", "duplicates", "prompts", "generate", "features", "retrieve", "metrics", "detect", "truth", "mitigate",
    "report",
}  # fmt: skip
ROOF = {"report"}


def test_stages_import_the_ground_floor_and_never_each_other() -> None:
    source = ROOT / "src" / "vidmem"
    for stage in STAGES - ROOF:
        for path in (source / stage).rglob("*.py"):
            imported = set(re.findall(r"^\s*from vidmem\.(\w+)", path.read_text(), re.MULTILINE))
            assert not imported & (STAGES - {stage}), f"{path.relative_to(source)} imports {imported & STAGES}"
    ground = ["config", "media", "search", "similarity", "stats", "tables"]
    files = [p for g in ground for p in (source / g).rglob("*.py")] + [p for p in source.glob("*.py")]
    for path in files:
        imported = set(re.findall(r"^\s*from vidmem\.(\w+)", path.read_text(), re.MULTILINE))
        assert not imported & STAGES, f"{path.relative_to(source)} imports {imported & STAGES}"


def test_nothing_imports_the_command_but_the_front_door() -> None:
    source = ROOT / "src" / "vidmem"
    for path in source.rglob("*.py"):
        if path.relative_to(source).parts[0] != "cli" and path != source / "__init__.py":
            assert not re.search(r"vidmem\.cli\b", path.read_text()), path
    for rule in (ROOT / "workflow").rglob("*.*"):
        assert rule.suffix not in (".smk", ".py") or "vidmem.cli" not in rule.read_text(), rule


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "snakemake", "--lint"],
        ["-m", "snakefmt", "--check", "Snakefile", "workflow/rules"],
        ["-m", "ruff", "check", "."],
        ["-m", "ruff", "format", "--check", "."],
        ["-m", "mypy", "src"],
    ],
    ids=lambda c: " ".join(c[1:3]),
)
def test_style_and_types_are_clean(command: list[str]) -> None:
    done = subprocess.run([sys.executable, *command], cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("audit: a\ncorpsu: 1\n", "did you mean 'corpus'?"),
        ("audit: a\ncorpus: {folder: .}\nmodels: {m: {kind: diffusers, source: ./none}}\n", "'./none' is not a folder"),
    ],
)
def test_a_wrong_config_ends_the_run_before_it_starts_in_one_line(tmp_path: Path, text: str, expected: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    (tmp_path / "a.png").write_bytes(b"x")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(tmp_path)]
    done = subprocess.run(
        [*command, "--configfile", str(config), "--cores", "1"], text=True, capture_output=True, check=False
    )
    assert done.returncode != 0
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("vidmem: ")]
    assert len(lines) == 1 and expected in lines[0]
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "results").exists()


def test_make_clean_leaves_the_users_own_data_alone(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    kept = ("config/mine.yaml", "data/clip.mp4", "results/mine/summary.json", ".venv/bin/python")
    for name in (*kept, "results/demo/summary.json", ".pytest_cache/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert all((tmp_path / name).is_file() for name in kept)
    assert not (tmp_path / "results/demo").exists() and not (tmp_path / ".pytest_cache").exists()
