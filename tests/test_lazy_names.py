"""A package imports the module of a name when the name is used."""

import importlib
import pkgutil
import subprocess
import sys
import textwrap

import pytest

import napari_motionseg
from napari_motionseg.lazy_names import lazy_names

LAZY = [
    module.name
    for module in pkgutil.walk_packages(napari_motionseg.__path__, "napari_motionseg.")
    if module.ispkg and hasattr(importlib.import_module(module.name), "_PUBLIC")
]


def test_a_name_is_taken_from_its_module():
    get, names = lazy_names("json", {"JSONDecoder": "decoder", "a": "b"})
    assert get("JSONDecoder").__name__ == "JSONDecoder"
    assert names() == ["JSONDecoder", "a"]
    with pytest.raises(AttributeError, match="module 'json' has no attribute 'other'"):
        get("other")


@pytest.mark.parametrize("package", ["napari_motionseg", *LAZY])
def test_every_name_of_a_package_is_there_and_is_no_module(package):
    """A module of the same name would hide it as soon as it is imported."""
    module = importlib.import_module(package)
    parts = {part.name for part in pkgutil.iter_modules(module.__path__)}
    assert not parts & set(module._PUBLIC)
    for name in module._PUBLIC:
        assert not isinstance(getattr(module, name), type(pytest))
    assert set(module._PUBLIC) <= set(dir(module))


# packages that no dock imports
ELSEWHERE = ("cli", "demo", "doctor", "objectives")


def test_packages_of_the_window_import_none_of_their_modules():
    """Else two threads that import at once could wait for each other."""
    code = """
        import importlib, pkgutil, sys
        import napari_motionseg
        for module in pkgutil.iter_modules(napari_motionseg.__path__):
            if module.ispkg and module.name not in sys.argv[1:]:
                name = f"napari_motionseg.{module.name}"
                importlib.import_module(name)
                print(*(m for m in sys.modules if m.startswith(f"{name}.")))
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *ELSEWHERE],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == []
