"""torch is loaded without holding other threads, and only once."""

import gc
import subprocess
import sys
import types

import pytest

from napari_motionseg.models import torch_loading
from napari_motionseg.models.torch_loading import load_torch, torch_is_loaded

ALONE = """
import gc, sys, threading
from napari_motionseg.models.torch_loading import load_torch, torch_is_loaded
before = torch_is_loaded(), "torch" in sys.modules
if {off}:
    gc.disable()
thread = threading.Thread(target=load_torch)
thread.start()
thread.join()
import torch
print(before, torch_is_loaded(), gc.isenabled(), int(torch.ones(2).sum()))
"""


@pytest.mark.parametrize("off", [False, True])
def test_a_thread_loads_torch_and_leaves_collection_as_it_was(off):
    code = ALONE.format(off=off)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == f"(False, False) True {not off} 2", done.stderr


def test_what_an_import_makes_counts_as_old_at_once():
    code = """
import gc, sys
from napari_motionseg.models.torch_loading import beside_the_window
before = sys.getswitchinterval()
with beside_the_window():
    inside = gc.isenabled(), sys.getswitchinterval() < before
    with beside_the_window():
        made = [[] for _ in range(10)]
    inside += (sys.getswitchinterval() < before,)
old = gc.get_objects(generation=2)
print(*inside, gc.isenabled(), any(one is made for one in old), gc.get_freeze_count(),
      sys.getswitchinterval() == before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False True True True True 0 True", done.stderr


def test_what_is_loaded_is_not_loaded_again(monkeypatch):
    import torch  # noqa: F401

    def never():
        raise AssertionError

    monkeypatch.setattr(torch_loading, "_link_libraries", never)
    load_torch()
    assert torch_is_loaded()


def test_an_import_that_goes_on_does_not_count(monkeypatch):
    half = types.ModuleType("torch")
    half.__spec__ = types.SimpleNamespace(_initializing=True)
    monkeypatch.setitem(sys.modules, "torch", half)
    assert not torch_is_loaded()


def test_torch_loads_where_its_libraries_cannot_be_linked_ahead(monkeypatch):
    monkeypatch.setattr(torch_loading, "torch_is_loaded", lambda: False)
    monkeypatch.setattr(torch_loading.ctypes, "CDLL", _no_library)
    load_torch()
    monkeypatch.setattr(torch_loading, "find_spec", lambda name: None)
    load_torch()
    assert gc.isenabled()


def _no_library(name):
    raise OSError(f"no library {name}")
