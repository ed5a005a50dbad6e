"""Classes of a start that stand for something else in the labels."""

import pytest
import torch

from napari_motionseg.models import SegmentationNet, UNetConfig
from napari_motionseg.segmentation.dataset import LabelledFrame
from napari_motionseg.segmentation.initialization import (
    class_agreement,
    fits,
    relearn_foreign_classes,
    whole_agreement,
)


class Columns(torch.nn.Module):
    """Embeds each pixel by the third of the picture that it lies in."""

    def __init__(self):
        super().__init__()
        self.config = UNetConfig(embedding_dim=3)
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, frame):
        columns = torch.arange(frame.shape[-1]) * 3 // frame.shape[-1]
        one = torch.nn.functional.one_hot(columns, 3).T.float()[:, None]
        return one.expand(3, frame.shape[-2], -1)[None].repeat(len(frame), 1, 1, 1)


@pytest.fixture
def model():
    """Return a network that says background, vessel and catheter from left to right."""
    network = SegmentationNet(UNetConfig(embedding_dim=3), classes=3)
    network.embedding = Columns()
    with torch.no_grad():
        network.head.weight.copy_(10 * torch.eye(3)[:, :, None, None])
        network.head.bias.zero_()
    return network


def labelled(*classes):
    """Return a frame whose thirds have the given classes; -1 is unlabelled."""
    target = torch.tensor(classes, dtype=torch.int16).repeat_interleave(4)
    target = target.expand(1, 6, 12).contiguous()
    return LabelledFrame(torch.zeros(1, 1, 6, 12), target, (target > 0).nonzero())


def test_a_class_that_means_the_same_is_kept(model):
    before = model.head.weight.clone()
    assert class_agreement(model, [labelled(0, 1, 2)]) == {1: 1.0, 2: 1.0}
    assert relearn_foreign_classes(model, [labelled(0, 1, 2)], 3, 0) == []
    assert torch.equal(model.head.weight, before)


def test_a_class_that_means_something_else_is_learnt_anew(model):
    frames = [labelled(2, 1, 0)]  # the user's second class lies on the left
    assert relearn_foreign_classes(model, frames, 3, 0) == [2]
    with torch.no_grad():
        found = model.probabilities(torch.zeros(1, 1, 6, 12))[0, 2]
    assert float(found.max()) < 0.1
    # vessel and background are as before
    assert class_agreement(model, frames)[1] == 1.0


def test_the_same_seed_gives_the_same_weights(model):
    frames = [labelled(2, 1, 0)]
    weights = []
    for seed in (4, 4, 5):
        relearn_foreign_classes(model, frames, 3, seed)
        weights.append(model.head.weight.clone())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("classes", [(0, 1, -1), (-1, 0, 1)])
def test_classes_without_labels_are_left_alone(model, classes):
    assert relearn_foreign_classes(model, [labelled(*classes)], 3, 0) == []


def test_strokes_that_correct_a_class_do_not_make_it_foreign(model):
    before = model.head.weight.clone()
    assert relearn_foreign_classes(model, [labelled(2, 1, -1)], 3, 0) == []
    assert torch.equal(model.head.weight, before)


def test_new_classes_are_not_called_foreign(model):
    assert relearn_foreign_classes(model, [labelled(2, 1, 0)], 2, 0) == []


def test_a_start_fits_frames_that_it_segments_alike(model):
    assert fits(whole_agreement(model, [labelled(0, 1, 2)]))
    assert not fits(whole_agreement(model, [labelled(1, 2, 0)]))


def test_strokes_do_not_tell_whether_a_start_fits(model):
    """People paint where the masks are wrong."""
    strokes, whole = labelled(1, -1, 0), labelled(1, 2, 0)
    assert whole_agreement(model, [strokes]) is None
    assert fits(None)
    assert not fits(whole_agreement(model, [strokes, whole]))
