from __future__ import annotations

import torch

from napari_motionseg.models.flow_bins import centres_of_bins, expected_flow
from napari_motionseg.objectives.conditional_propagation import bin_centres, decode_flow


def test_centres_are_those_of_the_objective() -> None:
    for bins, limit in ((2, 1.0), (25, 24.0), (41, 20.0)):
        expected = bin_centres(limit, bins).float()
        torch.testing.assert_close(centres_of_bins(bins, limit), expected)


def test_expected_flow_is_the_mean_of_the_bins() -> None:
    logits = torch.randn(2, 2, 7, 5, 6)
    expected = decode_flow(logits, limit=9.0)
    torch.testing.assert_close(expected_flow(logits, 9.0), expected)
    flat = expected_flow(logits.flatten(3), 9.0)
    torch.testing.assert_close(flat, expected.flatten(2))


def test_one_certain_bin_gives_its_centre() -> None:
    logits = torch.full((1, 2, 5, 1, 1), -50.0)
    logits[0, 0, 4] = logits[0, 1, 0] = 50
    assert expected_flow(logits, 10.0).flatten().tolist() == [8.0, -8.0]
