"""Names of devices."""

import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.models import resolve_device
from napari_motionseg.models.devices import known_devices


def test_devices(monkeypatch):
    assert resolve_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device() == torch.device("cpu")
    with pytest.raises(SettingsError, match="unknown device 'abacus'"):
        resolve_device("abacus")
    with pytest.raises(SettingsError, match="finds no CUDA GPU"):
        resolve_device("cuda:1")
    with pytest.raises(SettingsError, match="finds no MPS"):
        resolve_device("mps")


def test_devices_that_can_be_chosen_begin_with_auto(monkeypatch):
    monkeypatch.delenv("MOTIONSEG_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"H{index}00")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert known_devices() == {
        "auto": "auto (CUDA)",
        "cpu": "CPU",
        "cuda:0": "GPU 0: H000",
        "cuda:1": "GPU 1: H100",
    }
    monkeypatch.setenv("MOTIONSEG_DEVICE", "cuda:1")
    assert known_devices()["auto"] == "auto (CUDA:1)"
    monkeypatch.setenv("MOTIONSEG_DEVICE", "abacus")
    assert known_devices()["auto"] == "auto (abacus)"
