"""What an import of the package and of its rooms may and may not load."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import napari_motionseg

GUI = [
    "napari", "qtpy", "magicgui", "superqt", "vispy", "pyqtgraph",
    "PyQt5", "PyQt6", "PySide2", "PySide6",
]  # fmt: skip

BLOCK_GUI = f"""
import sys
GUI = {GUI!r}

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in GUI:
            raise ModuleNotFoundError(f"{{name}} is blocked here", name=name)

sys.meta_path.insert(0, Block())
"""

IMPORT_ALL = """
import importlib, pkgutil, traceback
import napari_motionseg

failed = []
for module in pkgutil.walk_packages(
    napari_motionseg.__path__, "napari_motionseg.", onerror=lambda name: None
):
    if ".widgets" in module.name or module.name.endswith(".__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ImportError:
        failed.append(f"{module.name}: {traceback.format_exc(limit=-1)}")
print("\\n".join(failed) or "ok")
"""


def fresh(code):
    """Run `code` in a fresh process and return what it prints."""
    root = Path(napari_motionseg.__file__).parents[1]
    environment = dict(os.environ) | {"PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("napari_motionseg", ["torch", "pydicom", "scipy", "skimage", *GUI]),
        ("napari_motionseg.io", ["torch", *GUI]),
        ("napari_motionseg.objectives", ["torch", *GUI]),
        ("napari_motionseg.jobs", ["torch", "numpy", *GUI]),
    ],
)
def test_an_import_loads_no_more_than_it_must(module, unwanted):
    code = f"import sys, {module}; print([m for m in {unwanted} if m in sys.modules])"
    assert fresh(code) == "[]"


def test_every_core_module_imports_without_a_gui():
    assert fresh(BLOCK_GUI + IMPORT_ALL) == "ok"


ROOT = Path(napari_motionseg.__file__).parents[1]
# names whose modules need neither torch nor scikit-image
LIGHT = [
    "Cine", "read_cine", "read_cines", "Labels", "read_labels", "write_masks",
    "Progress", "STOP", "run", "MotionSegError", "ReadError", "PartialReadWarning",
]  # fmt: skip


def test_every_public_name_is_there():
    for name in napari_motionseg.__all__:
        assert getattr(napari_motionseg, name) is not None
    assert set(napari_motionseg.__all__) <= set(dir(napari_motionseg))
    assert len(set(napari_motionseg.__all__)) == len(napari_motionseg.__all__)


def test_using_a_light_name_loads_no_torch():
    names = ", ".join(LIGHT)
    code = f"import sys; from napari_motionseg import {names}; "
    assert fresh(code + "print('torch' in sys.modules)") == "False"


def test_all_public_names_work_without_a_gui():
    code = "from napari_motionseg import *; print(callable(segment))"
    assert fresh(BLOCK_GUI + code) == "True"


def test_type_checkers_see_the_same_names_from_the_same_modules():
    tree = ast.parse(Path(napari_motionseg.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    declared = {
        alias.name: node.module.removeprefix("napari_motionseg.")
        for node in block.body
        for alias in node.names
    }
    assert declared == napari_motionseg._PUBLIC


def test_the_api_pages_describe_each_public_name_once():
    pages = (ROOT / "docs" / "api").glob("*.md")
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    described = re.findall(r"^::: napari_motionseg\.(\w+)$", text, re.MULTILINE)
    assert sorted(described) == sorted({*napari_motionseg.__all__} - {"__version__"})


def test_the_overview_of_the_api_names_public_names_only():
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    table = "".join(line for line in text.splitlines() if line.startswith("| "))
    named = {name.split(".")[0] for name in re.findall(r"`([\w.]+)`", table)}
    assert len(named) > 20
    assert named <= set(napari_motionseg.__all__)


def test_every_public_name_has_a_docstring():
    for name in napari_motionseg.__all__:
        thing = getattr(napari_motionseg, name)
        if callable(thing):
            assert (thing.__doc__ or "").strip(), name


def test_settings_of_public_functions_are_public_too():
    """A user can build every settings class that a public function asks for."""
    for name in ("pretrain", "finetune", "adapt_flow"):
        thing = getattr(napari_motionseg, name)
        named = re.findall(r"\w+Settings", str(thing.__annotations__["settings"]))
        assert named, name
        assert set(named) <= set(napari_motionseg.__all__)


def test_another_name_is_not_there():
    with pytest.raises(AttributeError, match="has no attribute 'segmnt'"):
        _ = napari_motionseg.segmnt


def test_errors_have_one_root():
    from napari_motionseg import errors

    for name, thing in vars(errors).items():
        if isinstance(thing, type) and issubclass(thing, Exception):
            rooted = issubclass(thing, napari_motionseg.MotionSegError)
            assert rooted or issubclass(thing, Warning), name
