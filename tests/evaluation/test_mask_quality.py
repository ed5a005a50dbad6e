"""Measures of masks against drawn ones, and their summary."""

import numpy as np
import pytest
from scipy import ndimage

from napari_motionseg.errors import SettingsError
from napari_motionseg.evaluation import mask_evaluation as module
from napari_motionseg.evaluation.frozen_sets import frozen_set, set_hash
from napari_motionseg.evaluation.mask_evaluation import (
    evaluate_masks_job,
    group_interval,
    resized,
    summarize_masks,
)
from napari_motionseg.evaluation.mask_quality import (
    BINS,
    calibration,
    dice_by_threshold,
    outline,
    picture_quality,
    surface_dice,
)
from napari_motionseg.evaluation.mask_sets import MaskedPicture
from napari_motionseg.jobs import run
from napari_motionseg.models import SegmentationNet, UNetConfig

RNG = np.random.default_rng(0)
BAR = np.zeros((31, 40), bool)
BAR[10:15, 5:35] = True


def shifted(mask, rows):
    return np.roll(mask, rows, axis=0)


@pytest.mark.parametrize("seed", range(3))
def test_counts_agree_with_brute_force(seed):
    rng = np.random.default_rng(seed)
    probability = rng.random((23, 31)).astype(np.float32)
    truth = rng.random((23, 31)) < 0.3
    found = probability >= 0.6
    values = picture_quality(probability, truth, 0.6).values
    hit = (found & truth).sum()
    assert values["dice"] == pytest.approx(2 * hit / (found.sum() + truth.sum()))
    assert values["precision"] == pytest.approx(hit / found.sum())
    assert values["recall"] == pytest.approx(hit / truth.sum())
    assert values["marked"] == pytest.approx(found.mean())


def test_surface_dice_forgives_its_tolerance_and_no_more():
    assert surface_dice(shifted(BAR, 2), BAR) == 1
    assert surface_dice(shifted(BAR, 9), BAR) < 0.2
    assert surface_dice(BAR & False, BAR & False) == 1
    assert surface_dice(BAR & False, BAR) == 0


@pytest.mark.parametrize("seed", range(3))
def test_surface_dice_agrees_with_brute_force(seed):
    rng = np.random.default_rng(seed)
    one, other = (
        ndimage.gaussian_filter(rng.random((25, 31)), 2) > 0.5 for _ in range(2)
    )
    edges = [np.argwhere(outline(mask)) for mask in (one, other)]
    near = [
        (np.linalg.norm(a[:, None] - b[None], axis=-1).min(axis=1) <= 2).sum()
        for a, b in (edges, edges[::-1])
    ]
    expected = sum(near) / sum(len(edge) for edge in edges)
    assert surface_dice(one, other) == pytest.approx(expected)


def test_the_frame_cuts_a_mask_without_an_outline():
    mask = np.zeros((9, 9), bool)
    mask[:, 3:6] = True
    edge = outline(mask)
    assert edge[0].tolist() == [False] * 3 + [True, False, True] + [False] * 3


def test_half_a_vessel_shows_half_its_centreline():
    half = BAR & (np.arange(40) < 20)
    values = picture_quality(half.astype(np.float32), BAR).values
    assert values["centreline"] == pytest.approx(0.5, abs=0.06)
    assert values["precision"] == 1
    assert 0.6 < values["cldice"] < 0.75


def test_false_marks_are_told_apart_by_the_field_of_view():
    field = np.zeros((40, 40), bool)
    field[:, :20] = True
    marked = np.zeros((40, 40), bool)
    marked[:6, 30] = True  # outside
    marked[:3, 17] = True  # at the edge
    marked[:1, 5] = True  # inside
    values = picture_quality(marked.astype(np.float32), marked & False, 0.5, field)
    assert values.values["false_outside"] == pytest.approx(0.6)
    assert values.values["false_at_edge"] == pytest.approx(0.3)


def test_nothing_found_and_nothing_there_is_perfect_without_dividing():
    values = picture_quality(np.zeros((9, 9), np.float32), np.zeros((9, 9), bool))
    assert values.values["dice"] == values.values["cldice"] == 1
    assert np.isnan(values.values["precision"])
    assert np.isnan(values.values["false_outside"])


def test_dice_at_every_threshold_is_that_of_a_mask_there():
    probability = RNG.random((40, 40)).astype(np.float32)
    truth = RNG.random((40, 40)) < probability
    quality = picture_quality(probability, truth)
    curve = dice_by_threshold(quality.vessel, quality.background)
    for step in (0, 17, 50, 99):
        found = np.minimum((probability * BINS).astype(int), BINS - 1) >= step
        expected = 2 * (found & truth).sum() / (found.sum() + truth.sum())
        assert curve[step] == pytest.approx(expected)


def test_what_is_said_truly_is_calibrated_and_exaggeration_is_not():
    said = RNG.random((400, 400)).astype(np.float32)
    truth = RNG.random(said.shape) < said
    quality = picture_quality(said, truth)
    rows, error = calibration(quality.vessel, quality.background)
    assert error < 0.05
    assert len(rows) == 10
    assert all(abs(row["said"] - row["true"]) < 0.05 for row in rows)
    loud = picture_quality(np.sqrt(said), truth)
    assert calibration(loud.vessel, loud.background)[1] > 0.12


def test_intervals_draw_groups_not_pictures():
    values = np.repeat([0.2, 0.8, 0.5], 20)
    few = group_interval(values, ["a"] * 20 + ["b"] * 20 + ["c"] * 20)
    many = group_interval(values, [str(n) for n in range(60)])
    assert few[0] == pytest.approx(0.2)
    assert few[1] == pytest.approx(0.8)
    assert many[1] - many[0] < 0.2
    assert many[0] < 0.5 < many[1]


def test_a_summary_has_every_measure_and_the_best_threshold():
    probability = np.where(BAR, 0.3, 0.1).astype(np.float32)
    found = [picture_quality(probability, BAR) for _ in range(3)]
    summary = summarize_masks(found, ["a", "a", "b"])
    assert summary["groups"] == 2
    assert summary["measures"]["dice"]["mean"] == 0
    assert summary["best_dice"] == 1
    assert 0.1 < summary["best_threshold"] <= 0.3
    assert "false_outside" not in summary["measures"]


@pytest.mark.parametrize("factor", [0.5, 1.7])
def test_enlarging_keeps_type_and_gray(factor):
    image = np.full((40, 50), 90, np.uint8)
    image[:, 25:] = 200
    other = resized(image, factor)
    assert other.dtype == np.uint8
    assert other.shape == (round(40 * factor), round(50 * factor))
    assert abs(int(other[5, 3]) - 90) <= 1
    assert abs(int(other[5, -3]) - 200) <= 1


def test_pictures_are_segmented_at_another_size_and_compared_at_their_own(monkeypatch):
    shapes = []
    genuine = module.segment

    def seen(cine, model, **others):
        shapes.append(cine.shape)
        return genuine(cine, model, **others)

    monkeypatch.setattr(module, "segment", seen)
    model = SegmentationNet(UNetConfig(width=2, depth=2, embedding_dim=4))
    image = RNG.integers(0, 255, (40, 52), np.uint8)
    picture = MaskedPicture("a", "a", image, np.zeros((40, 52), bool))
    summary = run(evaluate_masks_job([picture], model, side=80, device="cpu"))
    assert shapes == [(1, 80, 104)]
    assert summary["pictures"] == 1
    assert 0 <= summary["measures"]["marked"]["mean"] <= 1


def test_an_empty_set_and_a_wrong_shape_are_refused():
    with pytest.raises(SettingsError, match="no picture to evaluate"):
        run(evaluate_masks_job([], SegmentationNet()))
    with pytest.raises(SettingsError, match="truth must have the shape"):
        picture_quality(np.zeros((9, 9), np.float32), np.zeros((9, 8), bool))


def test_outlines_lie_within_the_exact_masks_of_the_same_pictures():
    exact, outlined = (frozen_set(name, 2, 64) for name in ("exact", "outlined"))
    for whole, part in zip(exact, outlined, strict=True):
        np.testing.assert_array_equal(whole.image, part.image)
        assert not (part.mask & ~whole.mask).any()
        assert part.mask.sum() < 0.8 * whole.mask.sum()


@pytest.mark.parametrize("name", ["quiet", "exact", "cameras", "empty"])
def test_a_frozen_set_is_the_same_each_time(name):
    one, again = frozen_set(name, 3, 64), frozen_set(name, 3, 64)
    assert set_hash(one) == set_hash(again)
    assert [picture.group for picture in one] == ["0", "0", "1"]
    marked = [picture.mask.any() for picture in one]
    assert not any(marked) if name == "empty" else any(marked)


def test_an_unknown_set_is_answered_with_those_there_are():
    with pytest.raises(SettingsError, match="cameras"):
        frozen_set("camera", 1)
