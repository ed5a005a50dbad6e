"""Validators of others: DCMTK and dicom3tools, from PATH or an unpacked folder."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = "MOTIONSEG_DICOM_TOOLS"
PACKAGES = {"dciodvfy": "dicom3tools", "dcmdump": "dcmtk", "dcm2json": "dcmtk",
            "dcmconv": "dcmtk", "dcmdrle": "dcmtk"}  # fmt: skip


def find(name):
    """Path of a tool; the test is skipped by name where it is not installed."""
    root = os.environ.get(FOLDER, str(Path(__file__).parents[2] / ".dicom-tools"))
    found = shutil.which(name) or shutil.which(name, path=f"{root}/usr/bin")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian's package {PACKAGES[name]})")
    return found


def run(name, *words):
    """Exit code and output of a tool."""
    path = Path(find(name))
    root = path.parent.parent
    libraries = ":".join(str(p) for p in root.glob("lib/*-linux-gnu*"))
    dictionary = next(root.glob("share/*dcmtk*/dicom.dic"), None)
    environment = {**os.environ}
    if root != Path("/usr"):
        environment["LD_LIBRARY_PATH"] = libraries
    if dictionary is not None:
        environment["DCMDICTPATH"] = str(dictionary)
    ended = subprocess.run(
        [str(path), *map(str, words)], env=environment, check=False,
        capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    return ended.returncode, ended.stdout + ended.stderr


def complaints(path):
    """Errors and warnings of dciodvfy."""
    lines = run("dciodvfy", path)[1].splitlines()
    return [line for line in lines if "Error" in line or "Warning" in line]
