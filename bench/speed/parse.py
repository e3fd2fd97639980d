"""How long does Snakemake take before the first job starts?

    python bench/speed/parse.py --out bench/speed

Writes parse.csv, seconds of all processes, the least of `--rounds`:

- `start`: `snakemake --version`, which is Snakemake itself with the executor plugins that are installed;
- `parse`: `snakemake --list` on the demo, less `start`: this project's Snakefile, its rules and its config;
- `dry-run demo`, `dry-run webvid`: the whole command. The second is `config/webvid.yaml` without models and with eight,
  over a table of one row (a dry run does not read it: manifest.py shows that with tables of millions of rows).

About two minutes on a quiet core.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from machine import machine, write_csv

ROOT = Path(__file__).resolve().parents[2]
MODELS = 8
MOST_JOBS = 5_000
SNAKEMAKE = [sys.executable, "-m", "snakemake"]


def webvid(folder: Path, models: int = MODELS) -> Path:
    """`config/webvid.yaml` with so many text-to-video models, and what it asks to be there."""
    for name in ("videos", "model"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "model" / "model_index.json").write_text('{"_class_name": "TextToVideoSDPipeline"}', encoding="utf-8")
    table = "videoid,contentUrl,duration,page_dir,name\n1,https://example.org/1.mp4,PT00H00M10S,0,A boat\n"
    (folder / "table.csv").write_text(table, encoding="utf-8")
    config = yaml.safe_load((ROOT / "config" / "webvid.yaml").read_text(encoding="utf-8"))
    config["corpus"]["sources"]["webvid"] |= {"folder": str(folder / "videos"), "table": str(folder / "table.csv")}
    model = {"preset": "modelscope-1.7b", "source": str(folder / "model"), "seeds": 4}
    config["models"] = {f"model-{n}": dict(model) for n in range(models)}
    path = folder / f"webvid-{models}.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def run(arguments: list[str], folder: Path) -> tuple[float, float, str]:
    """Processor seconds with all children, wall seconds, and what was printed. Raises where the command fails."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([*SNAKEMAKE, *arguments], capture_output=True, text=True, cwd=folder)  # noqa: S603
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(done.stderr or done.stdout)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall, done.stdout


def jobs_in(printed: str) -> int | None:
    """The number of jobs that a dry run names."""
    return next((int(line.split()[1]) for line in printed.splitlines() if line.startswith("total")), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config").symlink_to(ROOT / "config")
        common = ["--snakefile", str(ROOT / "Snakefile"), "--directory", name]
        dry = [*common, "--dry-run", "--quiet", "rules"]
        steps = {
            "start": ["--version"],
            "parse": [*common, "--list"],
            "dry-run demo": dry,
            "dry-run webvid": [*dry, "--configfile", str(webvid(folder, 0))],
            f"dry-run webvid, {MODELS} models": [*dry, "--configfile", str(webvid(folder))],
        }
        best: dict[str, tuple[float, float, str]] = {}
        for _ in range(options.rounds):
            for step, arguments in steps.items():
                best[step] = min(run(arguments, folder), best.get(step, (float("inf"), 0.0, "")))
    rows: list[dict[str, Any]] = []
    for step, (cpu, wall, printed) in best.items():
        start = best["start"] if step == "parse" else (0.0, 0.0, "")
        jobs = jobs_in(printed)
        rows.append(
            {
                "step": step,
                "jobs": "" if jobs is None else jobs,
                "cpu_s": round(cpu - start[0], 2),
                "wall_s": round(wall - start[1], 2),
                **machine(),
            }
        )
        print(rows[-1], flush=True)
    write_csv(options.out / "parse.csv", rows)
    if max(row["jobs"] or 0 for row in rows) >= MOST_JOBS:
        raise SystemExit(f"an audit has {MOST_JOBS} jobs or more")


if __name__ == "__main__":
    main()
