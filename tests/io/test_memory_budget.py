"""The memory of a loop: the environment says it, and an argument counts more."""

import numpy as np
import pytest

from napari_motionseg.errors import MemoryBudgetError, SettingsError
from napari_motionseg.io import read_cine
from napari_motionseg.io.file_selection import read_together
from napari_motionseg.io.memory_budget import default_budget


@pytest.mark.parametrize(
    ("text", "gib"), [("", 8), ("  ", 8), ("2", 2), ("0.5", 0.5), ("1e3", 1000)]
)
def test_the_budget_is_what_the_variable_says(monkeypatch, text, gib):
    monkeypatch.setenv("MOTIONSEG_MEMORY", text)
    assert default_budget() == gib * 2**30


@pytest.mark.parametrize("text", ["lots", "0", "-1", "nan", "inf", "0.1"])
def test_other_words_are_refused_by_name(monkeypatch, text):
    monkeypatch.setenv("MOTIONSEG_MEMORY", text)
    with pytest.raises(SettingsError, match=f"MOTIONSEG_MEMORY.*got '{text}'"):
        default_budget()


def test_readers_follow_it_unless_they_are_told_otherwise(monkeypatch, tmp_path):
    path = tmp_path / "loop.npy"
    np.save(path, np.zeros((5, 16, 16), np.uint8))
    monkeypatch.setattr("napari_motionseg.io.memory_budget.GIBIBYTE", 1000)
    monkeypatch.setenv("MOTIONSEG_MEMORY", "1")
    for read in (read_cine, lambda one: read_together([one])):
        with pytest.raises(MemoryBudgetError):
            read(path)
    assert len(read_cine(path, memory_budget=2000)) == 5
    monkeypatch.setenv("MOTIONSEG_MEMORY", "2")
    assert len(read_cine(path)) == 5
