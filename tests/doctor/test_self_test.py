"""The self-test passes here by a margin, and sees damage in each of its steps."""

import dataclasses

import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.doctor import self_test
from napari_motionseg.doctor.self_test import (
    LEAST_DICE,
    MOST_FLOW_ERROR,
    SelfTest,
    self_test_findings,
)


@pytest.fixture(scope="module")
def healthy():
    return list(self_test_findings())


def test_all_steps_pass(healthy):
    assert [finding.name for finding in healthy] == [
        "synthesis", "dicom", "flow", "embedding", "masks",
    ]  # fmt: skip
    assert {finding.state for finding in healthy} == {"ok"}


def test_the_limits_have_a_margin(healthy):
    """Other processors round otherwise, by much less than this."""
    words = {finding.name: finding.value.split() for finding in healthy}
    assert float(words["flow"][2]) < 0.6 * MOST_FLOW_ERROR
    assert float(words["masks"][1]) > LEAST_DICE + 0.15


def of_damaged(monkeypatch, name, damaged):
    monkeypatch.setattr(self_test, name, damaged)
    return list(self_test_findings())[-1]


def test_pixels_that_come_back_changed_are_seen(monkeypatch):
    real = self_test.read_cine

    def changed(path):
        cine = real(path)
        return Cine.from_array(cine.frames[:] + 1)

    found = of_damaged(monkeypatch, "read_cine", changed)
    assert (found.name, found.state) == ("dicom", "broken")


def test_flow_that_stands_still_is_seen(monkeypatch):
    real = self_test.estimate_flow

    def still(cine, **settings):
        flow = real(cine, **settings)
        return dataclasses.replace(flow, forward=np.zeros_like(flow.forward))

    found = of_damaged(monkeypatch, "estimate_flow", still)
    assert (found.name, found.state) == ("flow", "broken")


def test_a_network_that_gives_no_numbers_is_seen(monkeypatch):
    nothing = np.full((4, 9, 9), np.nan, np.float32)
    found = of_damaged(monkeypatch, "embed_frame", lambda *given: nothing)
    assert (found.name, found.state) == ("embedding", "broken")


def test_masks_of_damaged_weights_are_seen(monkeypatch):
    real = self_test.load_segmentation

    def damaged(name):
        network = real(name)
        generator = torch.Generator().manual_seed(0)
        for weight in network.parameters():
            weight.data = torch.randn(weight.shape, generator=generator) * 0.05
        return network

    network = damaged(self_test.NETWORK)
    monkeypatch.setattr(self_test, "NETWORK", network)
    monkeypatch.setattr(self_test, "load_segmentation", lambda given: given)
    found = list(self_test_findings())[-1]
    assert (found.name, found.state) == ("masks", "broken")


def test_a_preferred_network_of_the_user_is_not_what_is_tested(monkeypatch, tmp_path):
    monkeypatch.setenv("MOTIONSEG_MODEL", str(tmp_path / "none.safetensors"))
    test = SelfTest(tmp_path)
    test.synthesize()
    assert "numbers a pixel" in test.embed()
