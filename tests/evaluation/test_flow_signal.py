"""How much the flow of a pair can teach, on flow whose answers are known."""

import math

import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.evaluation.flow_signal import (
    LOUDER,
    MEASURES,
    MOST_NATS,
    PAPER,
    SignalPair,
    pair_signal,
    target_nats,
    verdict,
)

SIDE = 96


def scene(background=(0.1, 0.1), vessel=(4.0, 0.0)):
    """A dark bar whose pixels move unlike the rest, and its flow."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[20:76, 40:48] = True
    frame = np.where(mask, 0.3, 0.7).astype(np.float32)
    flow = np.empty((2, SIDE, SIDE), np.float32)
    flow[:] = np.array(background)[:, None, None]
    flow[:, mask] = np.array(vessel)[:, None]
    return SignalPair(frame, mask, np.ones_like(mask)), flow


def slow_nats(flow, points, settings):
    """KL(P_f, uniform) point by point, weighted by the length of the flow."""
    steps = settings.dilation * np.arange(-2, 3)
    said = weight = 0.0
    for row, column in points:
        f_p = flow[:, row, column]
        moves = []
        for r, c in [(row + i, column + j) for i in steps for j in steps]:
            if (r, c) != (row, column) and 0 <= r < SIDE and 0 <= c < SIDE:
                apart = np.sum((f_p - flow[:, r, c]) ** 2) / (np.sum(f_p**2) + 1)
                moves.append(math.exp(-apart / (2 * settings.sigma**2)))
        p = np.array(moves) / sum(moves)
        said += np.linalg.norm(f_p) * np.sum(p * np.log(p * len(p) + 1e-300))
        weight += np.linalg.norm(f_p)
    return said / weight


@pytest.mark.parametrize("settings", [PAPER, LOUDER])
def test_nats_equal_those_of_loops_over_neighbours(settings):
    _, flow = scene((1.0, -1.0))
    flow += np.random.default_rng(0).normal(0, 0.3, flow.shape).astype(np.float32)
    points = np.array([[0, 0], [30, 39], [50, 47], [70, 44], [95, 3], [20, 40]])
    found = target_nats(
        torch.from_numpy(flow)[None], torch.from_numpy(points)[None], settings
    )
    assert found == pytest.approx(slow_nats(flow, points, settings), rel=1e-4)
    assert 0 < found < MOST_NATS


def test_a_vessel_that_moves_alone_is_told_in_every_way():
    pair, flow = scene()
    found = pair_signal(pair, flow, -flow)
    assert list(MEASURES) == [name for name in MEASURES if name in found]
    assert found["auc_length"] == found["auc_relative"] == found["auc_darkness"] == 1
    assert found["auc_boundary"] > 0.99
    assert found["drawn_paper"] > 5 * found["vessel"]
    assert found["drawn_louder"] > 5 * found["vessel"]
    assert found["nats_louder"] > 2 * found["nats_paper"] > 0.02
    assert found["agree"] > 0.9
    assert found["near_louder"] > found["drawn_louder"]
    assert "its length tells vessels" in verdict(found)
    assert "its changes lie at the edges" in verdict(found)


def test_motion_of_the_table_hides_the_length_and_nothing_else():
    pair, flow = scene(background=(6.0, 3.0), vessel=(2.0, 3.0))
    found = pair_signal(pair, flow, -flow)
    assert found["auc_length"] < 0.1
    assert found["auc_relative"] > 0.99
    assert found["drawn_paper"] < 2 * found["vessel"]
    assert found["drawn_louder"] > 5 * found["vessel"]


def test_motion_that_is_the_same_everywhere_says_nothing():
    pair, flow = scene((3.0, 1.0), (3.0, 1.0))
    found = pair_signal(pair, flow, -flow)
    assert found["nats_paper"] == pytest.approx(0, abs=1e-6)
    assert found["nats_louder"] == pytest.approx(0, abs=1e-6)
    assert found["auc_length"] == found["auc_boundary"] == 0.5
    assert verdict(found).startswith("says nothing")


def test_what_lies_outside_of_the_field_does_not_count():
    pair, flow = scene()
    field = np.zeros_like(pair.mask)
    field[15:80, 30:60] = True
    inside = SignalPair(pair.frame, pair.mask, field)
    clean = pair_signal(inside, flow, -flow)
    flow[:, ~field] = 50
    assert pair_signal(inside, flow, -flow)["nats_paper"] == clean["nats_paper"]
    assert pair_signal(inside, flow, -flow)["auc_length"] == 1


def test_what_does_not_fit_is_refused():
    pair, flow = scene()
    with pytest.raises(SettingsError, match=r"flow must be \(2, 96, 96\); got"):
        pair_signal(pair, flow[:, 1:], flow)
    with pytest.raises(SettingsError, match="must have the same shape"):
        SignalPair(pair.frame[1:], pair.mask, pair.field)
    with pytest.raises(SettingsError, match="it holds 0 of vessels and 9216 others"):
        SignalPair(pair.frame, np.zeros_like(pair.mask), pair.field)
    with pytest.raises(SettingsError, match="finite"):
        pair_signal(pair, flow * np.nan, flow)
