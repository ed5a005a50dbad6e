"""Frames whose parts are numbered."""

import pytest
import torch

from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.synthesis.part_stills import numbered_parts, part_stills


@pytest.fixture(scope="module")
def stills():
    config = SynthesisConfig.preset("xa-coronary", catheter=1.0, bolus=False)
    return part_stills(2, 96, 3, config)


def test_branches_are_parts_of_their_tree(stills):
    assert stills.pictures.shape == (2, 96, 96)
    assert stills.flow.shape == (2, 2, 96, 96)
    for parts, groups, vessels in zip(
        stills.parts, stills.groups, stills.vessels, strict=True
    ):
        assert ((parts > 0) == (groups > 0)).all()
        assert (parts[vessels] > 0).all()
        numbers = torch.unique(parts)
        assert numbers.tolist() == list(range(len(numbers)))
        for number in numbers[1:]:
            assert len(torch.unique(groups[parts == number])) == 1
        trees = torch.unique(groups[vessels])
        assert 1 <= len(trees) <= 2
        assert len(torch.unique(parts[vessels])) > len(trees)


def test_devices_are_groups_of_their_own(stills):
    devices = (stills.parts > 0) & ~stills.vessels
    assert devices.any()
    for parts, groups, device in zip(stills.parts, stills.groups, devices, strict=True):
        count = len(torch.unique(parts[device]))
        assert len(torch.unique(groups[device])) == count


def test_a_seed_gives_the_same_stills():
    config = SynthesisConfig.preset("generic-layers")
    first, second = part_stills(1, 64, 9, config), part_stills(1, 64, 9, config)
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)
    assert len(torch.unique(first.parts)) > 2
    assert torch.equal(first.parts, first.groups)


def test_scenes_without_parts_are_refused():
    with pytest.raises(TypeError, match="scenes of object have no numbered parts"):
        numbered_parts(object())
