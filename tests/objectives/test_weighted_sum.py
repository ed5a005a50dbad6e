"""Several objectives at once."""

import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.cross_pixel import CrossPixel
from napari_motionseg.objectives.flow_consistency import FlowConsistency
from napari_motionseg.objectives.temporal_consistency import TemporalConsistency
from napari_motionseg.objectives.weighted_sum import ObjectiveSet

PARTS = {
    "flow-consistency": FlowConsistency(points=6),
    "cross-pixel": CrossPixel(points=8),
    "temporal-consistency": TemporalConsistency(points=5),
}
WEIGHTS = {"flow-consistency": 1.0, "cross-pixel": 0.5, "temporal-consistency": 2.0}


def scene():
    draw = torch.Generator().manual_seed(0)
    first, second = (torch.randn((2, 4, 9, 8), generator=draw) for _ in range(2))
    return first, torch.randn((2, 2, 9, 8), generator=draw), second


def test_the_loss_is_the_weighted_sum_in_turn():
    first, flow, second = scene()
    whole = ObjectiveSet(PARTS, WEIGHTS).learnable(4)
    loss, metrics = whole(first, flow, torch.Generator().manual_seed(3), second)
    generator, expected = torch.Generator().manual_seed(3), 0.0
    for name, objective in PARTS.items():
        later = (second,) if name == "temporal-consistency" else ()
        own, told = objective(first, flow, generator, *later)
        expected += WEIGHTS[name] * own
        assert metrics[f"{name}.loss"] == pytest.approx(float(own))
        for metric, value in told.items():
            assert metrics[f"{name}.{metric}"] == pytest.approx(value)
    torch.testing.assert_close(loss, expected)


def test_weights_of_their_own_are_learnt_by_the_weighted_loss():
    first, flow, second = scene()
    whole = ObjectiveSet(PARTS, WEIGHTS).learnable(4)
    ((name, width),) = whole.named_parameters()
    assert name == "own.cross-pixel.log_sigma"
    loss, _ = whole(first, flow, torch.Generator().manual_seed(3), second)
    loss.backward()
    assert width.grad != 0


def test_what_they_ask_for():
    assert ObjectiveSet(PARTS, WEIGHTS).points == 8
    assert ObjectiveSet(PARTS, WEIGHTS).needs_second_frame
    alone = {"cross-pixel": CrossPixel()}
    assert not ObjectiveSet(alone, WEIGHTS).needs_second_frame


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan")])
def test_a_weight_that_is_none_is_refused(weight):
    with pytest.raises(SettingsError, match="weight of cross-pixel must be positive"):
        ObjectiveSet({"cross-pixel": CrossPixel()}, {"cross-pixel": weight})


def test_no_objective_at_all_is_refused():
    with pytest.raises(SettingsError, match="at least one objective"):
        ObjectiveSet({}, {})
