"""Memory, disk and cache; nothing is made by looking."""

import os
import shutil
from types import SimpleNamespace

import psutil
import pytest

from napari_motionseg.doctor import space
from napari_motionseg.doctor.space import (
    cache_finding,
    disk_finding,
    nearest_folder,
    space_findings,
)


def test_a_cache_that_is_off_is_told(monkeypatch):
    monkeypatch.setenv("MOTIONSEG_CACHE", "off")
    found = {finding.name: finding for finding in space_findings()}
    assert "off" in found["cache"].value
    assert "disk of the cache" not in found


def test_the_size_of_the_cache_is_told_and_nothing_is_made(monkeypatch, tmp_path):
    folder = tmp_path / "none" / "motionseg-cache"
    assert cache_finding(folder).state == "ok"
    assert not folder.parent.exists()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"0" * 2**20)
    assert "0.00 GiB" in cache_finding(tmp_path).value
    assert nearest_folder(folder) == tmp_path


def test_a_cache_that_cannot_be_written_names_the_variable(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    found = cache_finding(tmp_path)
    assert found.state == "note"
    assert "MOTIONSEG_CACHE" in found.remedy


@pytest.mark.parametrize(("free", "state"), [(2**20, "note"), (2**33, "ok")])
def test_little_space_is_a_note(monkeypatch, tmp_path, free, state):
    usage = SimpleNamespace(free=free, total=2**34)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert disk_finding("disk", tmp_path).state == state
    memory = SimpleNamespace(available=free, total=2**34)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert space._memory().state == state


def test_a_disk_that_is_gone_is_broken(tmp_path):
    assert disk_finding("disk", tmp_path / "gone").state == "broken"
