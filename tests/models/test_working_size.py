"""Pictures are brought to the size that suits a network, and its answers back."""

import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.embedding import embed_frame
from napari_motionseg.errors import SettingsError
from napari_motionseg.io import Labels
from napari_motionseg.jobs import run
from napari_motionseg.models import ModelCard, SegmentationNet, UNetConfig, save_model
from napari_motionseg.models.resizing import resized
from napari_motionseg.models.working_size import (
    at_working_size,
    labels_at,
    to_working_size,
    working_factor,
    working_size,
)
from napari_motionseg.segmentation import FinetuneSettings, finetune_job, segment
from napari_motionseg.segmentation.dataset import gather_frames

RANGE = UNetConfig(width=2, depth=2, embedding_dim=4, least_side=48, largest_side=64)
ANY = UNetConfig(width=2, depth=2, embedding_dim=4)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((40, 24), (48, 29)),  # the longer side counts
        ((16, 20), (32, 40)),  # at most doubled
        ((48, 48), (48, 48)),
        ((64, 30), (64, 30)),
        ((128, 96), (64, 48)),
        ((300, 1), (64, 1)),
    ],
)
def test_the_longer_side_comes_into_the_range(size, expected):
    assert working_size(size, RANGE) == expected
    assert working_size(size, ANY) == size
    assert working_factor(size, ANY) == 1
    assert working_factor(size, RANGE) == pytest.approx(max(expected) / max(size))


def test_pictures_of_a_suitable_size_are_the_same_object():
    picture = torch.rand(1, 1, 50, 40)
    assert to_working_size(picture, RANGE) is picture
    assert at_working_size(lambda seen: seen, RANGE, picture) is picture


@pytest.mark.parametrize("size", [(24, 24), (200, 130)])
def test_gray_values_stay_in_range_and_a_constant_stays_constant(size):
    checks = (torch.arange(size[0])[:, None] + torch.arange(size[1])) % 2
    found = to_working_size(checks[None, None].float(), RANGE)
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    flat = to_working_size(torch.full((2, 1, *size), 0.3), RANGE)
    torch.testing.assert_close(flat, torch.full_like(flat, 0.3))
    torch.testing.assert_close(
        resized(flat, size, averaged=True),
        torch.full((2, 1, *size), 0.3),
        atol=1e-6,
        rtol=0,
    )


def test_every_label_of_an_enlarged_picture_is_kept_at_its_place():
    labels = torch.from_numpy(np.random.default_rng(0).integers(-1, 3, (1, 20, 30)))
    larger = labels_at(labels, (32, 48))
    rows, columns = ((np.arange(n) + 0.5) * m / n for n, m in ((20, 32), (30, 48)))
    places = np.ix_(rows.astype(int), columns.astype(int))
    np.testing.assert_array_equal(larger[0].numpy()[places], labels[0].numpy())


def test_a_thin_stroke_stays_in_a_reduced_picture():
    labels = torch.full((1, 120, 120), -1, dtype=torch.int16)
    labels[0, 61, 5:100] = 1
    labels[0, 90, 5:100] = 0
    smaller = labels_at(labels, (60, 60))
    assert smaller.dtype == torch.int16
    assert (smaller[0, 30, 3:49] == 1).all()
    assert (smaller[0, 45, 3:49] == 0).all()
    assert set(smaller.unique().tolist()) == {-1, 0, 1}
    assert int((smaller >= 0).sum()) <= 2 * 48


def test_in_a_reduced_mask_the_majority_counts():
    labels = torch.zeros(1, 4, 4, dtype=torch.int16)
    labels[0, :2, :2] = 2
    labels[0, 0, 2] = 1
    assert labels_at(labels, (2, 2)).tolist() == [[[2, 0], [0, 0]]]
    none = torch.full((1, 4, 4), -1, dtype=torch.int16)
    assert (labels_at(none, (2, 2)) == -1).all()


def network(config, seed=0):
    torch.manual_seed(seed)
    return SegmentationNet(config, 2).eval()


@pytest.mark.parametrize("side", [30, 100])
def test_masks_and_vectors_are_those_of_the_suitable_size(side):
    """The reference does by hand what the program does inside."""
    model = network(RANGE)
    plain = SegmentationNet(ANY, 2).eval()
    plain.load_state_dict(model.state_dict())
    pixels = np.random.default_rng(1).integers(0, 65536, (1, side, side - 6))
    cine = Cine.from_array(pixels.astype(np.uint16))
    frame = cine.normalized(0)
    suitable = to_working_size(torch.from_numpy(frame)[None, None], RANGE)
    with torch.inference_mode():
        expected = resized(plain.probabilities(suitable), frame.shape, averaged=True)[
            0, 1
        ]
        vectors = resized(plain.embedding(suitable), frame.shape, averaged=True)[0]
    found = segment(cine, model, device="cpu", whole_picture=True)
    np.testing.assert_allclose(found.probabilities[0], expected, atol=2e-3)
    np.testing.assert_allclose(embed_frame(model, frame), vectors, atol=1e-5)


@pytest.mark.parametrize("side", [30, 100])
@pytest.mark.parametrize("recipe", ["quick", "tuned"])
def test_a_training_sees_the_suitable_size_and_shows_the_loops(tmp_path, side, recipe):
    start = tmp_path / "start.safetensors"
    configuration = {**vars(RANGE), "classes": 2}
    save_model(
        start,
        network(RANGE),
        ModelCard("segmentation", "SegmentationNet", configuration),
    )
    pixels = np.random.default_rng(2).integers(0, 256, (3, side, side))
    cine = Cine.from_array(pixels.astype(np.uint8))
    painted = np.zeros((3, side, side), np.uint8)
    painted[1, 4:8, 4:-4], painted[1, 14:18, 4:-4] = 2, 1
    labels = Labels.from_painted(painted, "scribbles")
    (frame,) = gather_frames([(cine, labels)])
    assert max(frame.at_working_size(RANGE).size) in (48, 64)
    settings = FinetuneSettings.recipe(recipe).with_steps(2)
    told = []
    out = tmp_path / "out.safetensors"
    run(finetune_job([(cine, labels)], settings, start=start, out=out), told.append)
    previews = [p.preview for p in told if p.preview is not None]
    assert all(preview.shape == (side, side) for preview in previews)
    assert segment(cine, out, device="cpu").masks.shape == cine.shape


@pytest.mark.parametrize(
    "change", [{"least_side": -1}, {"largest_side": 0.5}, {"least_side": 70}]
)
def test_a_range_that_cannot_be_is_refused(change):
    with pytest.raises(SettingsError, match=r"_side must be"):
        UNetConfig(**{**vars(RANGE), **change})
