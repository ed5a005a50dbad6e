"""A start's own answers stand in for labels that are missing, and no more than that."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from napari_motionseg.segmentation.dataset import LabelledFrame
from napari_motionseg.segmentation.pseudo_labels import (
    CERTAINTY_POWER,
    CONTRADICTED_PX,
    with_pseudo_labels,
)

SIZE = (40, 60)


class Bar(nn.Module):
    """Says of rows 10 to 19 that they are vessel; sure of all, but of column 0."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def probabilities(self, image):
        vessel = torch.full(image.shape[-2:], 0.1)
        vessel[10:20] = 0.9
        vessel[:, 0] = 0.5
        return torch.stack((1 - vessel, vessel))[None]


def scribbled(strokes):
    """A frame with strokes: (rows, columns, class)."""
    target = torch.full((1, *SIZE), -1, dtype=torch.int16)
    for rows, columns, value in strokes:
        target[0, rows, columns] = value
    image = torch.zeros(1, 1, *SIZE)
    return LabelledFrame(image, target, (target > 0).nonzero())


def test_unpainted_pixels_get_the_starts_answer():
    frame = scribbled(
        [(slice(12, 14), slice(5, 15), 1), (slice(30, 32), slice(5, 15), 0)]
    )
    (found,) = with_pseudo_labels(Bar(), [frame])
    painted = frame.target >= 0
    assert bool((found.weight[painted] == 1).all())
    expected = np.zeros(SIZE, np.int16)
    expected[10:20, 1:] = 1
    sure = ~painted & (torch.arange(SIZE[1]) > 0)
    assert bool((found.target == torch.from_numpy(expected))[sure].all())
    assert bool((found.weight[..., 0] == 0).all())  # it does not know
    torch.testing.assert_close(
        found.weight[sure], torch.full((int(sure.sum()),), 0.8**CERTAINTY_POWER)
    )


def test_strokes_that_contradict_it_take_no_weight_from_the_rest_of_the_frame():
    """People paint where the masks are wrong, and the rest may be right."""
    agreeing = scribbled([(slice(14, 16), slice(0, 2), 1)])
    against = scribbled([(slice(14, 16), slice(0, 2), 0)])
    far = slice(3 + int(CONTRADICTED_PX), None)
    weights = [
        with_pseudo_labels(Bar(), [frame])[0].weight[..., far]
        for frame in (agreeing, against)
    ]
    assert float(weights[1].min()) > 0
    assert torch.equal(*weights)


def test_what_is_taken_for_a_new_class_gets_no_label():
    frame = scribbled([(slice(30, 32), slice(5, 15), 0)])
    (found,) = with_pseudo_labels(Bar(), [frame], new=[1])
    assert bool((found.weight[0, 10:20, 1:] == 0).all())
    assert float(found.weight[0, :10, 1:].min()) > 0


def test_around_a_stroke_that_contradicts_it_the_start_says_nothing():
    frame = scribbled([(slice(14, 16), slice(30, 32), 0)])  # on its vessel
    (found,) = with_pseudo_labels(Bar(), [frame])
    rows, columns = np.indices(SIZE)
    dy = np.maximum(np.maximum(14 - rows, rows - 15), 0)
    dx = np.maximum(np.maximum(30 - columns, columns - 31), 0)
    near = torch.from_numpy(np.hypot(dy, dx) <= CONTRADICTED_PX)[None]
    painted = frame.target >= 0
    assert bool((found.weight[near & ~painted] == 0).all())
    assert bool((found.weight[..., 1:][~near[..., 1:]] > 0).all())
    assert bool((found.target[painted] == 0).all())


def test_full_labels_and_weak_ones_stay_as_they_are():
    full = scribbled([(slice(None), slice(None), 0)])
    weak = dataclasses.replace(
        scribbled([(slice(3), slice(3), 1)]), weight=torch.zeros(1, *SIZE)
    )
    model = Bar().train()
    assert with_pseudo_labels(model, [full, weak]) == [full, weak]
    assert model.training


def test_an_answer_weighs_by_how_far_it_is_from_undecided():
    class Sides(Bar):
        """Background everywhere: certain at the left, less so at the right."""

        def probabilities(self, image):
            vessel = torch.zeros(image.shape[-2:])
            vessel[:, 30:] = 0.025
            return torch.stack((1 - vessel, vessel))[None]

    frame = scribbled([(slice(0, 4), slice(28, 32), 0)])
    (found,) = with_pseudo_labels(Sides(), [frame])
    assert float(found.weight[0, 20, 10]) == 1
    assert float(found.weight[0, 20, 50]) == pytest.approx(0.36, abs=0.005)


def test_outside_the_field_of_view_the_start_says_background():
    frame = scribbled([(slice(30, 32), slice(5, 15), 0)])
    shade = torch.rand(SIZE, generator=torch.Generator().manual_seed(0))
    image = 0.5 + 0.2 * shade
    image[:, 40:] = (
        0.0  # a collimator covers a part of the row that Bar takes for vessel
    )
    (found,) = with_pseudo_labels(
        Bar(), [dataclasses.replace(frame, image=image[None, None])]
    )
    assert bool((found.target[0, 10:20, 45:] == 0).all())
    assert bool((found.target[0, 10:20, 5:35] == 1).all())
    assert float(found.weight[0, 10:20, 45:].min()) > 0
