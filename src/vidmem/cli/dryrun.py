"""What an audit would run, as the workflow itself says: a dry run of Snakemake, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from vidmem.cli.errors import Failure

ROOT = Path(__file__).parents[3]
RULES = ROOT / "workflow" / "rules"
NOTHING = "Nothing to be done"
_COUNT = re.compile(r"^(\w+) +(\d+)$")


def stages_of_rules() -> dict[str, str]:
    """The stage of each rule: the rules of `workflow/rules/<stage>.smk`."""
    found: dict[str, str] = {}
    for path in sorted(RULES.glob("*.smk")):
        rules = re.findall(r"^ *rule (\w+):", path.read_text("utf-8"), re.MULTILINE)
        found.update(dict.fromkeys(rules, path.stem))
    return found


def jobs_to_run(config: Path) -> dict[str, int]:
    """Jobs by stage, in the order of the data, that a run in this folder would start now; empty if all is done.

    Raises `Failure`, one line, where the workflow is not at hand or would not run.
    """
    stages = stages_of_rules()
    if not stages or not (ROOT / "Snakefile").is_file():
        raise Failure("the workflow is not beside the installed package: run this from a checkout that is installed -e")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--configfile", str(config)]
    quiet = ["--cores", "1", "--dry-run", "--nolock", "--quiet", "rules", "reason", "host"]
    done = subprocess.run([*command, *quiet], text=True, capture_output=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise Failure(f"the workflow would not run: {_reason(done.stdout + done.stderr)}")
    counted: Counter[str] = Counter()
    for rule, count in job_counts(done.stdout + done.stderr).items():
        counted[stages.get(rule, "")] += count
    order = list(dict.fromkeys(stages.values()))
    return {stage: counted[stage] for stage in _in_order(order) if counted[stage]}


def job_counts(text: str) -> dict[str, int]:
    """Jobs by rule, of the table that Snakemake prints once or twice."""
    found: dict[str, int] = {}
    for line in text.partition("Job stats:")[2].splitlines():
        match = _COUNT.match(line.strip())
        if match and match[1] == "total":
            break
        if match:
            found[match[1]] = int(match[2])
    return found


def _in_order(stages: list[str]) -> list[str]:
    """Stages as they are included in the Snakefile, which is the order of the data."""
    included = re.findall(r'include: "workflow/rules/(\w+)\.smk"', (ROOT / "Snakefile").read_text("utf-8"))
    return [name for name in included if name in stages]


def _reason(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    ours = [line.removeprefix("vidmem: ") for line in lines if line.startswith("vidmem: ")]
    return (ours or lines[-1:] or ["it gave no reason"])[0]
