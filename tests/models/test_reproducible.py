import pytest
import torch
from torch.utils import deterministic

from napari_motionseg.models.reproducible import reproducible_sums


def state():
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        deterministic.fill_uninitialized_memory,
    )


def test_sums_have_an_order_on_the_cpu_and_the_switch_goes_back():
    before = state()
    with reproducible_sums(torch.device("cpu")):
        assert state() == (True, True, False)
    assert state() == before


def test_the_switch_goes_back_after_an_error():
    before = state()
    with (
        pytest.raises(ValueError, match="stop"),
        reproducible_sums(torch.device("cpu")),
    ):
        raise ValueError("stop")
    assert state() == before


def test_other_devices_are_left_alone():
    before = state()
    with reproducible_sums(torch.device("meta")):
        assert state() == before
