"""Arrows become the flow of a frame."""

import numpy as np
import pytest
from helpers.propagation import KnownObjects

from napari_motionseg.errors import SettingsError
from napari_motionseg.guidance import Arrow, disagreement, guided_flow


@pytest.fixture
def known():
    objects = np.zeros((20, 30), int)
    objects[5:9] = 1
    return KnownObjects(objects)


@pytest.fixture
def prepared(known):
    return known.prepare(np.full((20, 30), 0.5, np.float32))


def test_what_belongs_to_an_arrow_moves(known, prepared):
    found = guided_flow(known, prepared, [Arrow(6, 3, 2, -4), Arrow(15, 3)])
    assert (found.flow[0] == np.where(known.objects == 1, -4, 0)).all()
    assert (found.flow[1] == np.where(known.objects == 1, 2, 0)).all()
    assert not found.note


def test_a_long_arrow_is_shortened_and_said(known, prepared):
    found = guided_flow(known, prepared, [Arrow(6, 3, 30, 40), Arrow(15, 3, 0, 1)])
    assert found.arrows == (Arrow(6, 3, 12, 16), Arrow(15, 3, 0, 1))
    assert "1 arrow was shortened to 20 px" in found.note


def test_nothing_outside_the_field_moves(known, prepared):
    field = np.ones((20, 30), bool)
    field[:, 20:] = False
    found = guided_flow(known, prepared, [Arrow(6, 3, 2, 3)], field=field)
    assert not found.flow[:, :, 20:].any()
    with pytest.raises(SettingsError, match="outside the field of view"):
        guided_flow(known, prepared, [Arrow(6, 25, 2, 3)], field=field)


def test_only_still_points_are_refused(known, prepared):
    for arrows in ([], [Arrow(6, 3)]):
        with pytest.raises(SettingsError, match="at least one arrow with a length"):
            guided_flow(known, prepared, arrows)


def test_the_disagreement_is_the_distance_of_the_vectors():
    first, second = np.zeros((2, 3, 4)), np.zeros((2, 3, 4))
    second[0, 1, 2], second[1, 1, 2] = 3, 4
    found = disagreement(first, second)
    assert found[1, 2] == pytest.approx(5)
    assert found.sum() == pytest.approx(5)
    with pytest.raises(SettingsError, match=r"got \(2, 3, 4\) and \(2, 3, 3\)"):
        disagreement(first, second[..., :3])
