import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError
from napari_motionseg.io.labels import Labels
from napari_motionseg.segmentation.augmentation import AugmentSettings
from napari_motionseg.segmentation.dataset import (
    count_pixels,
    describe_dataset,
    draw_batch,
    gather_frames,
)

PLAIN = AugmentSettings.none()


def example(shape=(3, 40, 50), frames=(1,), seed=0, name="cine"):
    rng = np.random.default_rng(seed)
    cine = Cine.from_array(rng.integers(0, 256, shape, dtype=np.uint8), name=name)
    labels = np.zeros(shape, np.uint8)
    labels[:, 10:14, 5:30] = 1
    return cine, Labels(labels, np.isin(np.arange(shape[0]), frames))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_only_labelled_frames_are_decoded_and_once():
    cine, labels = example(frames=(0, 2))
    asked = []
    decode = cine.frames._decode
    cine.frames._decode = lambda t: asked.append(t) or decode(t)
    frames = gather_frames([(cine, labels)])
    for _ in range(3):
        draw_batch(frames, 2, 16, PLAIN, generator())
    assert asked == [0, 2]
    np.testing.assert_array_equal(frames[1].image[0, 0], cine.normalized(2))
    np.testing.assert_array_equal(frames[1].target[0], labels.target(2))


def test_batches_are_cut_from_the_frames():
    frames = gather_frames([example()])
    image, target = draw_batch(frames, 4, 16, PLAIN, generator())
    assert image.shape == (4, 1, 16, 16)
    whole = frames[0].image[0, 0].numpy()
    windows = np.lib.stride_tricks.sliding_window_view(whole, (16, 16))
    for cut, labels in zip(image[:, 0].numpy(), target.numpy(), strict=True):
        distance = np.abs(windows - cut).max(axis=(-1, -2))
        r, c = np.unravel_index(distance.argmin(), distance.shape)
        assert distance[r, c] < 1e-4
        np.testing.assert_array_equal(
            labels, frames[0].target[0, r : r + 16, c : c + 16]
        )


def test_half_of_the_crops_look_at_the_foreground():
    labels = np.zeros((1, 200, 200), np.uint8)
    labels[0, 190:192, 190:192] = 1
    cine = Cine.from_array(np.zeros((1, 200, 200), np.uint8))
    frames = gather_frames([(cine, Labels(labels, np.array([True])))])
    _, target = draw_batch(frames, 60, 32, PLAIN, generator())
    assert 0.3 < (target > 0).flatten(1).any(1).float().mean() < 0.8


def test_frames_of_different_size():
    frames = gather_frames([example(), example((2, 64, 36), (0, 1), seed=1)])
    image, target = draw_batch(frames, 3, 48, PLAIN, generator())
    assert image.shape == (3, 1, 32, 32)
    assert target.shape == (3, 32, 32)
    shapes = {
        tuple(draw_batch(frames, 2, None, PLAIN, generator(seed))[0].shape)
        for seed in range(8)
    }
    assert shapes == {(2, 1, 40, 50), (2, 1, 64, 36)}


def test_a_frame_smaller_than_any_crop():
    frames = gather_frames([example((1, 15, 33), (0,))])
    image, _ = draw_batch(frames, 1, 64, PLAIN, generator())
    assert image.shape == (1, 1, 15, 32)


def test_enough_frames_are_drawn_without_replacement():
    frames = gather_frames([example(frames=(0, 1, 2))])
    image, _ = draw_batch(frames, 3, None, PLAIN, generator())
    drawn = {tuple(i.flatten()[:9].tolist()) for i in image.round(decimals=3)}
    assert len(drawn) == 3


def test_the_generator_decides():
    frames = gather_frames([example()])
    first, again, other = (
        draw_batch(frames, 2, 16, AugmentSettings(), generator(s))[0] for s in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_counts_of_scribbles():
    cine, _ = example()
    labels = np.zeros(cine.shape, np.uint8)
    labels[1, :2, :5] = 1
    labels[1, 5, :7] = 2
    frames = gather_frames([(cine, Labels(labels, labels.any((1, 2)), "scribbles"))])
    assert count_pixels(frames, 2) == [10, 7]


def test_a_class_without_pixels_is_named():
    cine, _ = example()
    labels = np.zeros(cine.shape, np.uint8)
    labels[1, 2] = 3
    frames = gather_frames([(cine, Labels(labels, labels.any((1, 2)), "scribbles"))])
    with pytest.raises(LabelError, match="no pixel of the background or class 1"):
        count_pixels(frames, 3)
    empty = Labels(np.zeros(cine.shape, int), np.array([True, False, False]))
    with pytest.raises(LabelError, match="no pixel of class 1 is labelled; paint"):
        count_pixels(gather_frames([(cine, empty)]), 2)


def test_labels_must_fit():
    cine, _ = example(name="loop7")
    _, labels = example((4, 40, 50))
    with pytest.raises(LabelError, match=r"loop7: .*\(4, 40, 50\) do not fit"):
        gather_frames([(cine, labels)])
    with pytest.raises(LabelError, match="there is no labelled loop"):
        gather_frames([])


def test_provenance_names_no_one():
    cine, labels = example(name="Doe^Jane")
    described = describe_dataset([(cine, labels)])
    assert described[0]["content_hash"] == cine.content_hash()
    assert described[0]["labelled_frames"] == [1]
    assert "Doe" not in str(described)
