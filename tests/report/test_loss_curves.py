"""Curves of losses."""

from xml.etree import ElementTree

import numpy as np

from napari_motionseg.report.loss_curves import dice_curve, loss_curve, running_mean


def test_running_mean_is_that_of_a_loop():
    values = np.random.default_rng(2).normal(size=40)
    width = 3  # 8 % of 40
    expected = [values[max(0, i - 1) : i + 2].mean() for i in range(len(values))]
    assert width == round(0.08 * len(values))
    np.testing.assert_allclose(running_mean(values), expected)
    np.testing.assert_allclose(running_mean([2.0]), [2.0])


def test_curves_are_svg_in_the_pages_colours(report):
    truth = report.truth.mean(axis=(1, 2))
    for text in (
        loss_curve("Training", [2, 1]),
        dice_curve(report.evaluation, truth, (1, 2)),
    ):
        root = ElementTree.fromstring(text)
        assert root.tag.endswith("svg")
        assert "width" not in root.attrib
        assert "var(--accent)" in text
        assert "#010203" not in text
    assert loss_curve("A", [1, 2]) == loss_curve("A", [1, 2])
