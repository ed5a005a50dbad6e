"""The wheel works without the checkout: manifest, weights and command are in it."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
BUILT_FROM = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
MEGABYTE = 2**20

ELSEWHERE = """
from importlib.metadata import entry_points
from pathlib import Path
import torch
import napari_motionseg
from napari_motionseg.models import load_pwcnet
from npe2 import PluginManifest

print(Path(napari_motionseg.__file__).parent.parent)
flow = load_pwcnet()(torch.rand(1, 1, 64, 64), torch.rand(1, 1, 64, 64))
print(tuple(flow.shape))
(entry,) = entry_points(group="napari.manifest", name="napari-motionseg")
manifest = PluginManifest.from_distribution("napari-motionseg")
print(manifest.name, len(manifest.contributions.widgets))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel from a copy: a build leaves folders behind."""
    room = tmp_path_factory.mktemp("wheel")
    for name in BUILT_FROM:
        shutil.copy(CHECKOUT / name, room)
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(
        CHECKOUT / "napari_motionseg", room / "napari_motionseg", ignore=leave
    )
    code = "from setuptools import build_meta; print(build_meta.build_wheel('dist'))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=room, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return room / "dist" / done.stdout.split()[-1]


def count_of_widgets():
    """Docks, and the entry that opens them all."""
    docks = (CHECKOUT / "napari_motionseg" / "widgets").glob("*/dock.py")
    return len(list(docks)) + 1


def test_manifest_weights_and_types_are_in_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        sizes = {item.filename: item.file_size for item in archive.infolist()}
    assert "napari_motionseg/napari.yaml" in sizes
    assert "napari_motionseg/icon.svg" in sizes
    assert "napari_motionseg/py.typed" in sizes
    assert any(name.endswith("licenses/LICENSE") for name in sizes)
    weights = {n: s for n, s in sizes.items() if n.endswith(".safetensors")}
    assert "napari_motionseg/models/weights/pwcnet-xa.safetensors" in weights
    assert all(size <= 20 * MEGABYTE for size in weights.values())
    for name in weights:
        assert name.replace(".safetensors", ".md") in sizes, "no model card"
    assert not [name for name in sizes if name.startswith(("tests", "benchmarks"))]


def test_samples_travel_with_the_code(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for name in ("synthetic-angiogram", "faint-angiogram"):
        assert f"napari_motionseg/samples/{name}.dcm" in names
        assert f"napari_motionseg/samples/{name}.npz" in names
    lines = (CHECKOUT / "MANIFEST.in").read_text().splitlines()
    (excluded,) = (n for n, line in enumerate(lines) if line.startswith("global-ex"))
    assert "recursive-include napari_motionseg/samples *.dcm" in lines[excluded:]


@pytest.mark.skipif(not (CHECKOUT / ".git").exists(), reason="no git repository")
def test_git_ignores_real_loops_and_no_sample():
    def ignored(name):
        command = ["git", "-C", str(CHECKOUT), "check-ignore", "--no-index", "-q", name]
        return subprocess.run(command, check=False).returncode == 0

    assert not ignored("napari_motionseg/samples/synthetic-angiogram.dcm")
    assert ignored("loop.dcm")
    assert ignored("docs/loop.dcm")


def test_it_works_without_the_checkout(wheel, tmp_path):
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    offline = ["--no-index", "--target", str(site), str(wheel)]
    subprocess.run([*install, *offline], check=True, capture_output=True)
    environment = dict(os.environ) | {"PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ELSEWHERE],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        str(site), "(1, 2, 64, 64)", f"napari-motionseg {count_of_widgets()}",
    ]  # fmt: skip


def test_no_dependency_pulls_torchvision():
    from importlib.metadata import requires

    needed = requires("napari-motionseg") or []
    assert not [line for line in needed if "torchvision" in line.lower()]
    core = [line.lower() for line in needed if "extra ==" not in line]
    bindings = ("pyqt5", "pyqt6", "pyside")
    assert not [line for line in core if line.startswith(bindings)]
