"""Everything that is imported is declared, and everything declared has a use."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]

# used though nothing imports them by name
PLUGINS = {
    "dicom-anonymizer": "io/confidentiality_profile.py imports its table by a name",
    "imagecodecs": "pydicom's decoders and tifffile load it when they need it",
    "npe2": "reads the manifest that napari shows the plugin by",
    "pytest-qt": "gives pytest its fixtures",
    "pytest-timeout": "gives pytest its option",
    "pytest-xdist": "gives pytest its option",
    "setuptools": "builds the wheel that a test installs",
}
# peers that nobody has to have; what uses them says what to install
ABSENT = {"napari-convpaint", "napari_convpaint", "ptlflow", "cv2"}
# written by a test, to be imported by another process
WRITTEN = {"my_jobs"}
# what tests alone import, and what brings it
BY_EXTRA = {"vispy": "napari", "numcodecs": "zarr"}


def normal(name: str) -> str:
    """Return a distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    """Return the distribution that a requirement names."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None, requirement
    return normal(found.group())


def declared(*extras: str) -> set[str]:
    """Return the distributions that the package and some extras require."""
    wanted = list(PROJECT["dependencies"])
    for extra in extras:
        wanted += EXTRAS[extra]
    # an extra may ask for another one: napari-motionseg[nifti]
    own = [each for each in wanted if name_of(each) == PROJECT["name"]]
    others = {name_of(each) for each in wanted} - {PROJECT["name"]}
    asked = [
        name for each in own for name in each.split("[")[1].split("]")[0].split(",")
    ]
    return others | (declared(*asked) if asked else set())


def imported(folder: str) -> dict[str, set[str]]:
    """Return modules from elsewhere that a folder's files import, and the files."""
    files = sorted((ROOT / folder).rglob("*.py"))
    own = {path.stem for path in files} | {path.parent.name for path in files}
    own.add("napari_motionseg")
    for other in ("tests", "benchmarks", "scripts"):
        for path in (ROOT / other).rglob("*.py"):
            own |= {path.stem, path.parent.name}
    found: dict[str, set[str]] = {}
    for path in files:
        for module in modules_of(path.read_text(encoding="utf-8")):
            top = module.partition(".")[0]
            if top not in sys.stdlib_module_names and top not in own:
                found.setdefault(top, set()).add(str(path.relative_to(ROOT)))
    return found


def modules_of(source: str) -> list[str]:
    """Return the modules that a file imports, by statement or by a literal name."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.append(node.module)
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
            found += [
                each.value
                for each in node.args[:1]
                if isinstance(each, ast.Constant) and isinstance(each.value, str)
            ]
    return found


@cache
def installed() -> Mapping[str, list[str]]:
    """Return the distributions of all installed modules; a second's work."""
    return packages_distributions()


def distributions(module: str) -> set[str]:
    """Return which distributions hold a module; its own name where it is absent."""
    return {normal(d) for d in installed().get(module, [module])}


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("napari_motionseg", ["nifti", "archive", "batch", "opencv", "peers", "sr"]),
        ("examples", []),
        ("tests", ["test", "docs", "opencv", "peers"]),
        ("scripts", ["test", "docs", "opencv"]),
    ],
)
def test_what_is_imported_is_declared(folder, extras):
    known = declared(*extras) | BY_EXTRA.keys()
    missing = {
        module: sorted(files)[:3]
        for module, files in imported(folder).items()
        if module not in ABSENT | WRITTEN and not distributions(module) & known
    }
    assert not missing, f"add to pyproject.toml: {missing}"


def test_what_is_declared_is_used():
    used = {
        each
        for folder in ("napari_motionseg", "tests")
        for module in imported(folder)
        for each in distributions(module)
    }
    unused = declared("test") - used - PLUGINS.keys()
    assert not unused, "nothing imports them; drop them or say why in PLUGINS"


def test_what_comes_by_an_extra_is_required_so():
    text = " ".join(PROJECT["dependencies"])
    assert all(requirement in text for requirement in BY_EXTRA.values())


def test_imports_of_all_kinds_are_found():
    source = """
import numpy as np, torch.nn
from scipy.ndimage import label
from . import sibling
def late():
    from PIL import Image
    return import_module("cv2"), importlib.import_module("zarr.core")
"""
    assert sorted(modules_of(source)) == [
        "PIL", "cv2", "numpy", "scipy.ndimage", "torch.nn", "zarr.core",
    ]  # fmt: skip


def test_lowest_python_is_said_alike_everywhere():
    lowest = PROJECT["requires-python"].removeprefix(">=")
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert tools["ruff"]["target-version"] == "py" + lowest.replace(".", "")
    named = [
        each.rpartition(" ")[2]
        for each in PROJECT["classifiers"]
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", each)
    ]
    assert named[0] == lowest
    for path in ("README.md", "docs/install.md"):
        text = (ROOT / path).read_text(encoding="utf-8")
        assert f"Python {lowest} to {named[-1]}" in text, path
    words = f"({lowest.replace('.', ', ')})"
    assert words in (ROOT / "Makefile").read_text()
