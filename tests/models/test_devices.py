"""Names of devices."""

import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.models import (
    resolve_device,
)


def test_devices(monkeypatch):
    assert resolve_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device() == torch.device("cpu")
    with pytest.raises(SettingsError, match="unknown device 'abacus'"):
        resolve_device("abacus")
    with pytest.raises(SettingsError, match="no CUDA GPU here"):
        resolve_device("cuda:1")
    with pytest.raises(SettingsError, match="no MPS here"):
        resolve_device("mps")
