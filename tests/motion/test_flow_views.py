"""Each view is what its function says, and two flows stand side by side."""

import numpy as np
import pytest

from napari_motionseg.motion import (
    VIEWS,
    FrameMotion,
    SpeedScale,
    ViewOptions,
    flow_to_rgb,
)
from napari_motionseg.motion.flow_views import pictures
from napari_motionseg.motion.hatching import hatch_labels
from napari_motionseg.viewmodel.class_colors import PALETTE

SIZE, SHIFT = (18, 23), 30
OPTIONS = ViewOptions(full_px=4.0, arrow_step=5)


@pytest.fixture
def motions():
    generator = np.random.default_rng(0)

    def one():
        frame, other = generator.random((2, *SIZE)).astype(np.float32)
        flow, back = generator.normal(0, 2, (2, 2, *SIZE)).astype(np.float32)
        return FrameMotion(frame, other, flow, back)

    return one(), one()


def expected_of(motion):
    error = motion.forward_backward_error()
    rest = motion.frame - motion.warped_frame
    assert motion.hidden.any()
    return {
        "colours": flow_to_rgb(motion.flow, 4.0),
        "occlusion": hatch_labels(motion.hidden),
        "arrows": motion.arrows(5, 0.32),
        "speed": np.sqrt(motion.flow[0] ** 2 + motion.flow[1] ** 2),
        "forward-backward error": np.where(np.isinf(error), np.nan, error),
        "warped frame": np.where(motion.hidden, np.nan, motion.warped_frame),
        "residual": np.where(motion.hidden, np.nan, rest),
    }


def test_every_view_of_one_flow(motions):
    made = pictures(list(VIEWS), motions[:1], SIZE, OPTIONS, SHIFT)
    expected = expected_of(motions[0])
    assert list(made) == list(VIEWS) == list(expected)
    for name, picture in made.items():
        np.testing.assert_allclose(picture, expected[name], rtol=1e-5, err_msg=name)


def test_two_flows_share_a_layer_and_nothing_lies_between(motions):
    made = pictures(list(VIEWS), motions, SIZE, OPTIONS, SHIFT)
    for i, motion in enumerate(motions):
        columns = slice(i * SHIFT, i * SHIFT + SIZE[1])
        for name, expected in expected_of(motion).items():
            if name != "arrows":
                found = made[name][:, columns]
                np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=name)
    between = slice(SIZE[1], SHIFT)
    assert (made["colours"][:, between] == 255).all()
    assert np.isnan(made["speed"][:, between]).all()
    assert not made["occlusion"][:, between].any()
    first, second = (m.arrows(5, 0.32) for m in motions)
    np.testing.assert_array_equal(made["arrows"][: len(first)], first)
    moved = made["arrows"][len(first) :]
    np.testing.assert_array_equal(moved[:, 0] - [0, SHIFT], second[:, 0])
    np.testing.assert_array_equal(moved[:, 1], second[:, 1])


def test_where_no_flow_begins_nothing_is_shown():
    made = pictures(list(VIEWS), [None], SIZE, OPTIONS, SHIFT)
    assert made["arrows"].shape == (0, 2, 2)
    assert (made["colours"] == 255).all()
    for name in ("speed", "forward-backward error", "warped frame", "residual"):
        assert made[name].shape == SIZE
        assert np.isnan(made[name]).all()


def test_without_a_way_back_views_that_need_it_are_blank(motions):
    oneway = FrameMotion(motions[0].frame, motions[0].other, motions[0].flow)
    made = pictures(list(VIEWS), [oneway], SIZE, OPTIONS, SHIFT)
    assert np.isnan(made["forward-backward error"]).all()
    assert not made["occlusion"].any()
    known = np.isfinite(made["warped frame"])
    np.testing.assert_array_equal(known, ~oneway.hidden)


def test_short_arrows_are_left_out_by_the_scale(motions):
    few = pictures(["arrows"], motions[:1], SIZE, ViewOptions(50.0, 5), SHIFT)
    lengths = np.linalg.norm(few["arrows"][:, 1], axis=1)
    assert lengths.min() >= 2
    assert len(lengths) < len(motions[0].arrows(5))


def test_a_loop_that_stands_still_is_plain(motions):
    still = motions[0].frame
    zero = np.zeros((2, *SIZE), np.float32)
    motion = FrameMotion(still, still, zero, zero)
    made = pictures(list(VIEWS), [motion], SIZE, OPTIONS, SHIFT)
    assert (made["colours"] == 255).all()
    assert made["arrows"].shape == (0, 2, 2)
    np.testing.assert_allclose(made["warped frame"], still, atol=1e-5)
    for name in ("speed", "forward-backward error", "occlusion"):
        assert not made[name].any()


def test_speed_is_in_millimetres_where_they_are_known(motions):
    x, y = motions[0].flow
    scale = SpeedScale(2, gap_ms=200, spacing=(0.5, 0.25))
    options = ViewOptions(4.0, scale=scale)
    (speed,) = pictures(["speed"], motions[:1], SIZE, options, SHIFT).values()
    expected = np.sqrt((0.25 * x) ** 2 + (0.5 * y) ** 2) / 0.2
    np.testing.assert_allclose(speed, expected, rtol=1e-5)
    view = VIEWS["speed"]
    assert view.unit(options) == "mm/s"
    assert view.limits(options) == (0, pytest.approx(4 * 0.375 / 0.2))
    bare = ViewOptions(4.0, scale=SpeedScale(2, gap_ms=200))
    (speed,) = pictures(["speed"], motions[:1], SIZE, bare, SHIFT).values()
    np.testing.assert_allclose(speed, np.hypot(x, y) / 2, rtol=1e-5)
    assert view.unit(bare) == "px/frame"
    assert view.limits(bare) == (0, 2)


def test_what_is_unknown_is_neither_black_nor_in_the_colour_of_a_class(motions):
    inks = list(VIEWS["occlusion"].appearance["colormap"].values())[:2]
    for ink in inks:
        rgb = bytes.fromhex(ink.removeprefix("#"))
        assert max(rgb) - min(rgb) < 12, "not a gray"
        assert ink not in PALETTE
    lost = motions[0].flow.copy()
    lost[:, :9] = np.nan
    motion = FrameMotion(motions[0].frame, motions[0].other, lost)
    (colours,) = pictures(["colours"], [motion], SIZE, OPTIONS, SHIFT).values()
    unknown = colours[:9].reshape(-1, 3)
    assert len(np.unique(unknown, axis=0)) == 2, "two inks, as a hatch has them"
    assert unknown.min() > 100
    np.testing.assert_array_equal(colours[9:], flow_to_rgb(lost, 4.0)[9:])


def test_three_views_are_offered_first():
    assert [n for n, v in VIEWS.items() if not v.advanced] == [
        "colours", "arrows", "speed",
    ]  # fmt: skip
