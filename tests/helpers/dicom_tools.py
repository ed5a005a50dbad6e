"""Programs of others: DCMTK, dicom3tools, Orthanc; from PATH or an unpacked folder."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = "MOTIONSEG_DICOM_TOOLS"
PACKAGES = {"dciodvfy": "dicom3tools", "dcmdump": "dcmtk", "dcm2json": "dcmtk",
            "dcmconv": "dcmtk", "dcmdrle": "dcmtk", "Orthanc": "orthanc"}  # fmt: skip


def root():
    """Folder that Debian's packages may be unpacked into."""
    return Path(os.environ.get(FOLDER, str(Path(__file__).parents[2] / ".dicom-tools")))


def find(name):
    """Path of a program; the test is skipped by name where it is not installed."""
    places = os.pathsep.join(str(root() / "usr" / part) for part in ("bin", "sbin"))
    found = shutil.which(name) or shutil.which(name, path=places)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian's package {PACKAGES[name]})")
    return found


def environment(path):
    """Variables with which a program of the unpacked folder finds its libraries."""
    found = {**os.environ}
    if root() in Path(path).parents:
        libraries = [*root().glob("usr/lib/*-linux-gnu*"), *root().glob("lib/*-linux*")]
        found["LD_LIBRARY_PATH"] = os.pathsep.join(map(str, libraries))
        for dictionary in root().glob("usr/share/*dcmtk*/dicom.dic"):
            found["DCMDICTPATH"] = str(dictionary)
    return found


def run(name, *words):
    """Exit code and output of a tool."""
    path = find(name)
    ended = subprocess.run(
        [path, *map(str, words)], env=environment(path), check=False,
        capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    return ended.returncode, ended.stdout + ended.stderr


def complaints(path):
    """Errors and warnings of dciodvfy."""
    lines = run("dciodvfy", path)[1].splitlines()
    return [line for line in lines if "Error" in line or "Warning" in line]
