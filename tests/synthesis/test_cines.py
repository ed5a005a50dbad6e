"""Synthetic angiograms: pictures, masks and flow tell the same story."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from napari_motionseg.errors import SettingsError
from napari_motionseg.synthesis import (
    SynthesisConfig,
    synthesize_cine,
    training_pairs,
)
from napari_motionseg.synthesis.flow_pairs import moment_pairs


@pytest.fixture(scope="module")
def made():
    config = SynthesisConfig(
        size=256, frames=6, heart_motion=0.6, bolus=False, breathing=0.5
    )
    return synthesize_cine(config, seed=3)


def carried(picture, flow):
    """`picture` of frame u seen at frame t, by the flow from t to u."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    places = (rows + flow[1], columns + flow[0])
    return map_coordinates(picture.astype(float), places, order=1, mode="nearest")


def test_shapes_and_types(made):
    assert made.cine.shape == (6, 256, 256)
    assert made.cine.frames.dtype == np.uint8
    assert made.masks.shape == (6, 256, 256)
    assert made.masks.dtype == bool
    flow = made.flow(0, 1)
    assert flow.shape == (2, 256, 256)
    assert flow.dtype == np.float32
    np.testing.assert_allclose(np.diff(made.cine.frame_times), 1000 / 15)
    assert made.cine.pixel_spacing is not None


def test_one_seed_one_loop(made):
    config = SynthesisConfig(size=96, frames=2)
    first, again, other = (synthesize_cine(config, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.cine.frames[:], again.cine.frames[:])
    np.testing.assert_array_equal(first.flow(0, 1), again.flow(0, 1))
    assert (first.cine.frames[0] != other.cine.frames[0]).any()


@pytest.mark.parametrize(("t", "u"), [(0, 1), (2, 4), (5, 3)])
def test_the_flow_carries_the_vessels(made, t, u):
    """What is vessel in frame t ends on vessel in frame u, but for thin edges.

    Not the other way round: background that a vessel covers in u stays background.
    """
    vessel = made.masks[t]
    landed = carried(made.masks[u], made.flow(t, u))[vessel].mean()
    left = made.masks[u][vessel].mean()
    assert landed > 0.78
    assert landed > left


def test_the_flow_explains_the_picture(made):
    """Carried back, the next frame is closer to this one than left where it is."""
    vessel = made.masks[0]
    first, second = (made.cine.normalized(t) for t in (0, 1))
    moved = np.abs(carried(second, made.flow(0, 1)) - first)[vessel].mean()
    left = np.abs(second - first)[vessel].mean()
    assert moved < left


def test_no_time_no_motion(made):
    np.testing.assert_allclose(made.flow(2, 2), 0, atol=1e-4)


def test_there_and_back_again(made):
    """Layer by layer: forward, then backward, ends where it began."""
    forward, backward = made.layer_flows(0, 2), made.layer_flows(2, 0)
    for name in forward:
        back = np.stack([carried(part, forward[name]) for part in backward[name]])
        error = np.linalg.norm(forward[name] + back, axis=0)
        inner = error[10:-10, 10:-10]
        moved = np.linalg.norm(forward[name], axis=0)[10:-10, 10:-10]
        assert np.median(inner) < 0.05 + 0.1 * np.median(moved), name


def test_the_composed_flow_is_one_of_its_layers(made):
    layers, alphas = made.layer_flows(0, 1), made.layer_alphas(0)
    assert set(layers) == set(alphas)
    composed = made.flow(0, 1)
    nearest = np.min(
        [np.linalg.norm(composed - layer, axis=0) for layer in layers.values()], axis=0
    )
    assert np.percentile(nearest, 99) < 1e-3
    for alpha in alphas.values():
        assert alpha.min() >= 0
        assert alpha.max() <= 1 + 1e-6


def test_vessels_are_dark(made):
    from scipy.ndimage import binary_dilation

    for t in (0, 5):
        frame, vessel = made.cine.normalized(t), made.masks[t]
        around = binary_dilation(vessel, iterations=6) & ~binary_dilation(
            vessel, iterations=2
        )
        assert frame[vessel].mean() < frame[around].mean() - 0.02


def test_contrast_arrives_over_time():
    config = SynthesisConfig(size=128, frames=12, frame_rate=7.5, bolus=True)
    visible = synthesize_cine(config, seed=4).masks.sum(axis=(1, 2))
    assert visible[0] < 0.5 * visible.max()


def test_wide_pictures_and_other_rates():
    config = SynthesisConfig(size=(96, 130), frames=3, frame_rate=30)
    made = synthesize_cine(config, seed=0)
    assert made.cine.shape == (3, 96, 130)
    assert made.cine.frame_rate == pytest.approx(30)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"size": 4}, "size must be"),
        ({"frames": 0}, "frames must be 1 to 10000; got 0"),
        ({"frame_rate": float("nan")}, "frame_rate must be"),
        ({"opacity": (0.8, 0.2)}, "two rising values"),
        ({"tree": "midle"}, "tree"),
        ({"noise": -1}, "noise must be"),
    ],
)
def test_settings_that_cannot_be(wrong, words):
    with pytest.raises(SettingsError, match=words):
        SynthesisConfig(**wrong)


def test_frames_that_are_not_there(made):
    for t, u in ((0, 6), (-1, 0)):
        with pytest.raises(SettingsError, match="frame must be between 0 and 5"):
            made.flow(t, u)


def test_training_pairs_are_frames_with_their_flow():
    first, second, flow, mask = training_pairs(5, 96, seed=1)
    assert first.shape == second.shape == mask.shape == (5, 96, 96)
    assert flow.shape == (5, 2, 96, 96)
    assert first.min() >= 0
    assert first.max() <= 1
    calm = SynthesisConfig(noise=0.0, opacity=(0.8, 0.8), collimator=False)
    pairs = training_pairs(6, 128, seed=2, config=calm)
    first, second, flow, mask = (part.numpy() for part in pairs)
    better = 0
    for a, b, f, m in zip(first, second, flow, mask, strict=True):
        if m.sum() < 50:
            better += 1
            continue
        moved = np.abs(carried(b, f.astype(float)) - a)[m].mean()
        better += moved <= np.abs(b - a)[m].mean() + 1e-3
    assert better >= 5


def test_training_pairs_are_the_seeds():
    again = [training_pairs(2, 64, seed=5) for _ in range(2)]
    for first, second in zip(*again, strict=True):
        np.testing.assert_array_equal(first, second)


def test_moments_have_the_frames_and_the_flow_of_training_pairs():
    grain = torch.Generator().manual_seed(6)
    found = [
        (now.frames(grain), then.frames(grain), now.flow(then), now.masks)
        for now, then in moment_pairs(5, 64, seed=5)
    ]
    columns = (torch.cat(column)[:5] for column in zip(*found, strict=True))
    for part, wanted in zip(columns, training_pairs(5, 64, seed=5), strict=True):
        np.testing.assert_array_equal(part, wanted)


def test_a_still_scene_does_not_move():
    config = SynthesisConfig(
        size=96, frames=3, heart_motion=0, breathing=0, table_pan=(0, 0)
    )
    made = synthesize_cine(dataclasses.replace(config, noise=0.0, bolus=False), seed=0)
    assert np.abs(made.flow(0, 2)).max() < 1e-3
    difference = np.abs(np.diff(made.cine.frames[:].astype(int), axis=0))
    assert np.percentile(difference, 99) <= 2
