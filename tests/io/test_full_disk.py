"""On a full disk every writer says so, and what was there before is still whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import full_disk_child

pytest.importorskip("resource", reason="limits of a process are told so on Unix alone")

CHILD = Path(full_disk_child.__file__)


def _written(folder, how):
    """Run every writer in a process of its own; return what each said."""
    words = [sys.executable, str(CHILD), str(folder), how]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _require_refused(said):
    silent = {name: words for name, words in said.items() if words[0] != "WriteError"}
    assert not silent
    for name, (_, words) in said.items():
        assert name in words, words
        assert len(words) < 1000


def _require_old_results(folder, names):
    from napari_motionseg.io.result_folders import contents_of

    left = {path.name for path in folder.iterdir()} - {
        "motionseg-manifest.json", ".motionseg-manifest.lock", "filling",
    }  # fmt: skip
    assert left == names - {"m.safetensors"}  # nothing half-written, nothing lost
    for name in ("series", "flow"):
        found = contents_of(folder / name)
        assert found.own
        assert not found.changed
        assert not found.foreign


def test_every_writer_names_a_disk_that_refuses(tmp_path):
    said = _written(tmp_path, "limit")
    _require_refused(said)
    _require_old_results(tmp_path, set(said))


def test_a_small_file_system_that_is_full(tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip("a file system may not be mounted here")
    try:
        said = _written(tmp_path, "fill")
        _require_refused(said)
        _require_old_results(tmp_path, set(said))
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
