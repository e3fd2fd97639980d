"""A stand-in for `conda`, for tests alone: neither conda nor its channels can be had where they run.

It answers what Snakemake 9 asks of conda (`--version`, `info`, `config --get channel_priority`, `env create`, `clean`)
and refuses anything else. An environment that it makes is a real virtual environment of its own, with the packages that
the file pins and no others: as `pip install --no-deps` would leave it, so that what a file forgets is missing. Packages
are hard-linked from those of the Python that runs this, so that torch lies on the disk once; torch's CUDA libraries,
which its wheel pins and no file does, go with it.

So it shows that an environment file is complete and enough. It solves nothing and asks no channel: that conda-forge has
`python` and `pip` is not shown.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import re
import shutil
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

import yaml
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
VERSION = "conda 25.1.0, or rather a stand-in for it"
CUDA = ("cuda-", "nvidia-", "triton")
ACTIVATE = 'export CONDA_PREFIX="$1"\nexport PATH="$1/bin:$PATH"\n'


def install(prefix: Path) -> Path:
    """Put the commands `conda` and `activate` under `prefix`; the folder to put on the PATH."""
    commands = prefix / "bin"
    commands.mkdir(parents=True)
    (commands / "activate").write_text(ACTIVATE)
    (commands / "conda").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).resolve()}" "{prefix}" "$@"\n'
    )
    (commands / "conda").chmod(0o755)
    return commands


def answer(prefix: Path, arguments: list[str]) -> str:
    """What the command prints. SystemExit for what it does not know or can't do."""
    match arguments:
        case ["--version"]:
            return VERSION
        case ["info", "--json"]:
            return json.dumps({"conda_prefix": str(prefix), "platform": f"{sys.platform}-{platform.machine()}"})
        case ["config", "--get", "channel_priority", "--json"]:
            return json.dumps({"get": {"channel_priority": "strict"}})
        case ["clean", "-y", "--tarballs"]:
            return "nothing to clean: nothing was downloaded"
        case ["env", "create", *rest]:
            parser = argparse.ArgumentParser("conda env create")
            parser.add_argument("--file", type=Path, required=True)
            parser.add_argument("--prefix", type=Path, required=True)
            for flag in ("--quiet", "--no-default-packages"):
                parser.add_argument(flag, action="store_true")
            given = parser.parse_args(rest)
            create(given.file, given.prefix)
            return f"created {given.prefix}"
    raise SystemExit(f"the stand-in for conda does not know: conda {' '.join(arguments)}")


def create(file: Path, prefix: Path) -> None:
    """A virtual environment at `prefix` that holds what `file` names, and no more."""
    packages = list(wanted(file))  # all are found before anything is made
    venv.create(prefix, with_pip=False, symlinks=True)
    site = prefix / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    for package in packages:
        link(package, site, prefix)
    shutil.copyfile(HERE / "alone.py", site / "sitecustomize.py")


def wanted(file: Path) -> Iterator[Distribution]:
    """The installed packages that an environment file names. SystemExit for a version that is not at hand."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    pins: list[str] = []
    for entry in content["dependencies"]:
        if isinstance(entry, dict):
            pins += entry["pip"]
        elif entry == "pip":
            yield distribution("pip")
        elif not re.fullmatch(r"python=3\.\d+", entry):  # whichever Python runs this stands for it
            raise SystemExit(f"{file}: the stand-in for conda can't make {entry}")
    for pin in pins:
        name, _, version = pin.partition("==")
        try:
            found = distribution(name)
        except PackageNotFoundError:
            raise SystemExit(f"{file}: no package {name} at hand") from None
        if found.version.partition("+")[0] != version:
            raise SystemExit(f"{file}: {name} {version} is not at hand, but {found.version} is")
        yield found
        if canonicalize_name(name) == "torch":
            yield from (d for d in distributions() if canonicalize_name(d.name).startswith(CUDA))


def link(package: Distribution, site: Path, prefix: Path) -> None:
    """Put the files of a package into `site`, and its commands into `prefix`/bin, started by the Python there."""
    record = package.read_text("RECORD")
    if record is None:
        raise SystemExit(f"{package.name} was not installed by pip: nothing says which files are its own")
    folders: dict[str, Path] = {}
    for name, *_ in csv.reader(record.splitlines()):
        within, _, file = name.rpartition("/")
        if within not in folders:  # torch alone has 15,000 files
            folders[within] = Path(os.path.normpath(site / within))
            if not folders[within].is_relative_to(prefix):
                raise SystemExit(f"{package.name} has a file outside its environment: {name}")
            folders[within].mkdir(parents=True, exist_ok=True)
        source, target = Path(str(package.locate_file(name))), folders[within] / file
        if target.parent != prefix / "bin" or not rewritten(source, target, prefix):
            share(source, target)


def rewritten(source: Path, target: Path, prefix: Path) -> bool:
    """Whether a command is a script; if so it is copied, to be run by the Python of `prefix`."""
    text = source.read_bytes()
    if text.startswith(b"#!"):
        target.write_bytes(f"#!{prefix}/bin/python\n".encode() + text.split(b"\n", 1)[1])
        target.chmod(0o755)
    return text.startswith(b"#!")


def share(source: Path, target: Path) -> None:
    """Hard-link a file, or where the disks differ, link it."""
    try:
        os.link(source, target)
    except (FileExistsError, FileNotFoundError):
        pass  # two packages may bring one file, and bytecode may have been removed
    except OSError:
        target.symlink_to(source)


if __name__ == "__main__":
    print(answer(Path(sys.argv[1]), sys.argv[2:]))
