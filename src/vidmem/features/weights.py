"""Weights from outside: a TorchScript file is code, so it is only used when its pinned hash matches.

Downloads go to a cache folder, are resumed when they were cut off, and appear there under their final name only when
they are whole and their hash matches.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from vidmem.userfiles import sha256_of

BLOCK = 1 << 20
MAX_BYTES = 4 * 1024**3
TIMEOUT_S = 60.0


class WeightsError(RuntimeError):
    """Weights that are missing, can't be fetched, or aren't the pinned ones; the message is one line."""


def cache_folder() -> Path:
    """Where downloads are kept: $VIDMEM_CACHE, else $XDG_CACHE_HOME/vidmem, else ~/.cache/vidmem."""
    if given := os.environ.get("VIDMEM_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vidmem"


def pinned_file(source: str, sha256: str, cache: Path | None = None) -> Path:
    """The local file of `source` (a path, or an https URL that is downloaded once), its hash checked on every call.

    Raises `WeightsError` when it is missing, can't be fetched, or its hash is another one.
    """
    if "://" not in source:
        path = Path(source)
        if not path.is_file():
            raise WeightsError(f"weights {source}: no such file")
        return _checked(path, source, sha256)
    if urlsplit(source).scheme != "https":
        raise WeightsError(f"weights {source}: only https URLs are fetched")
    path = (cache or cache_folder()) / f"{sha256}.pt"
    if not path.is_file():
        _download(source, path, sha256)
    return _checked(path, source, sha256)


def _checked(path: Path, source: str, sha256: str) -> Path:
    found = sha256_of(path)
    if found != sha256:
        raise WeightsError(f"weights {source}: sha256 is {found}, not the pinned {sha256}; the file is not loaded")
    return path


def _download(url: str, path: Path, sha256: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        fetch(url, part)
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise WeightsError(f"weights {url}: could not be fetched ({reason}); give a local path") from None
    found = sha256_of(part)
    if found != sha256:
        part.unlink()
        raise WeightsError(f"weights {url}: sha256 is {found}, not the pinned {sha256}; the download was removed")
    part.replace(path)


def fetch(url: str, part: Path) -> None:
    """Append to `part` what it lacks of `url`; a server that can't resume makes it start again."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_S)  # noqa: S310 (scheme checked by the caller)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is left to send: the part is whole, or its hash will tell
            return
        raise
    with response, part.open("ab" if response.status == 206 else "wb") as file:
        while block := response.read(BLOCK):
            file.write(block)
            if file.tell() > MAX_BYTES:
                raise OSError(f"larger than {MAX_BYTES} bytes")
