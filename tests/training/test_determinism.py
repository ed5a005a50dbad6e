"""One seed and one number of threads give the same bits, whatever else runs."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_determinism.py"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


def test_the_demo_twice_gives_the_same_flow_weights_and_masks(script, tmp_path):
    """With two threads, and once beside a spinning process."""
    row = script["compare"]("demo", "tiny", threads=2, repeats=2, folder=tmp_path)
    assert row["results"] == 5
    assert row["differing"] == []
    first, second = row["hashes"]
    assert first == second
    assert len(set(first.values())) == 5


def test_a_difference_is_told(script, tmp_path, monkeypatch):
    runs = iter([{"a": "1", "b": "2"}, {"a": "1", "b": "3"}])
    compare = script["compare"]
    monkeypatch.setitem(compare.__globals__, "one_run", lambda *a: next(runs))
    row = compare("demo", "tiny", threads=1, repeats=2, folder=tmp_path)
    assert row["differing"] == ["b"]


def test_a_hash_is_of_the_arrays_alone(script, tmp_path):
    digest, weights = script["digest"], {"w": torch.arange(6.0)}
    save_file(weights, tmp_path / "a.safetensors", {"date": "today"})
    save_file(weights, tmp_path / "b.safetensors", {"date": "tomorrow"})
    weights["w"][3] = np.nextafter(np.float32(3), np.float32(4)).item()
    save_file(weights, tmp_path / "c.safetensors", {"date": "today"})
    first, same, other = (digest(tmp_path / f"{n}.safetensors") for n in "abc")
    assert first == same != other
