"""Folders that people hand us: what lies in them, and that nothing outside them is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidmem.userfiles import count_media, find_captions, find_media, fingerprint, safe_join


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def test_media_are_found_in_subfolders_and_sorted(tmp_path: Path) -> None:
    _touch(tmp_path, "b.MP4", "a/c.webm", "a/b/d.gif", "e.webp", "f.jpeg", "notes.txt", ".hidden.mp4", ".cache/x.mp4")
    assert find_media(tmp_path) == ["a/b/d.gif", "a/c.webm", "b.MP4", "e.webp", "f.jpeg"]
    assert count_media(tmp_path) == 5


def test_links_that_lead_outside_are_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "corpus", tmp_path / "secret"
    _touch(root, "a.mp4")
    _touch(outside, "s.mp4")
    (root / "inside.mp4").symlink_to(root / "a.mp4")
    (root / "outside.mp4").symlink_to(outside / "s.mp4")
    (root / "folder").symlink_to(outside)
    assert find_media(root) == ["a.mp4", "inside.mp4"]
    for escape in ("outside.mp4", "folder/s.mp4"):
        with pytest.raises(ValueError, match=r"^path leaves the folder$"):
            safe_join(root, escape)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nowhere: no such folder"):
        find_media(tmp_path / "nowhere")


@pytest.mark.parametrize("bad", ["../x.mp4", "a/../../x.mp4", "/etc/passwd", "a\x00b.mp4", "../root2/x.mp4"])
def test_paths_that_leave_the_root_are_refused(tmp_path: Path, bad: str) -> None:
    root = tmp_path / "root"
    _touch(root, "x.mp4")
    _touch(tmp_path / "root2", "x.mp4")
    with pytest.raises(ValueError):
        safe_join(root, bad)


@given(st.lists(st.sampled_from(["..", ".", "a", "b.mp4", "", "/"]), max_size=8))
def test_joined_paths_never_leave_the_root(parts: list[str]) -> None:
    root = Path("somewhere/root")
    try:
        joined = safe_join(root, "/".join(parts))
    except ValueError:
        return
    assert Path(os.path.normpath(joined.absolute())).is_relative_to(root.absolute())


def test_fingerprint_changes_with_what_matters_only(tmp_path: Path) -> None:
    _touch(tmp_path, "a.mp4", "b/c.mp4", "captions.csv")
    before = fingerprint(tmp_path)
    _touch(tmp_path, "readme.txt")
    assert fingerprint(tmp_path) == before
    seen = {before}
    os.utime(tmp_path / "a.mp4", (1, 1))
    seen.add(fingerprint(tmp_path))
    (tmp_path / "b/c.mp4").write_bytes(b"longer")
    seen.add(fingerprint(tmp_path))
    (tmp_path / "captions.csv").write_bytes(b"path,caption")
    seen.add(fingerprint(tmp_path))
    (tmp_path / "b/c.mp4").rename(tmp_path / "b/d.mp4")
    seen.add(fingerprint(tmp_path))
    assert len(seen) == 5


def test_captions_beside_the_media_are_found(tmp_path: Path) -> None:
    assert find_captions(tmp_path) is None
    _touch(tmp_path, "captions.jsonl", "captions.tsv")
    assert find_captions(tmp_path) == tmp_path / "captions.tsv"


def test_module_is_light() -> None:
    """The Snakefile imports it each time it is parsed, in every job."""
    heavy = ("numpy", "av", "torch", "pyarrow", "cv2", "PIL")
    code = f"import sys, vidmem.userfiles; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
