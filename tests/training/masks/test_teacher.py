"""A teacher keeps what a network knows of vessels while it learns catheters."""

import pytest
import torch

from napari_motionseg.errors import CheckpointError
from napari_motionseg.models import ModelCard, SegmentationNet, UNetConfig, save_model
from napari_motionseg.training.masks.teacher import Teacher, load_teacher

NETWORK = UNetConfig(width=2, depth=2, embedding_dim=4)


def certain(logit, classes=2):
    """Return a network that gives every pixel the same score of a vessel."""
    torch.manual_seed(0)
    model = SegmentationNet(NETWORK, classes)
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.zero_()
        model.head.bias[0 if classes == 2 else 1] = logit
    return model


def exact(vessel, catheter):
    masks = torch.zeros((1, 2, 16, 16))
    masks[:, 0], masks[:, 1] = vessel, catheter
    return masks


PICTURE = torch.rand((1, 1, 16, 16), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(("share", "wanted"), [(0.0, 0.0), (0.7, 0.7), (1.0, 1.0)])
def test_vessels_are_those_of_the_teacher_and_of_the_truth_by_share(
    classes, share, wanted
):
    learnt = Teacher(certain(20.0, classes), share).masks(PICTURE, exact(0.0, 0.0))
    torch.testing.assert_close(learnt[:, 0], torch.full((1, 16, 16), wanted))
    assert not learnt[:, 1].any()


def test_a_teacher_that_misses_a_vessel_takes_its_share_away():
    learnt = Teacher(certain(-20.0), 0.25).masks(PICTURE, exact(1.0, 0.0))
    torch.testing.assert_close(learnt[:, 0], torch.full((1, 16, 16), 0.75))


def test_a_catheter_stays_one_if_the_teacher_takes_it_for_a_vessel():
    teacher = Teacher(certain(20.0), 1.0)
    masks = teacher.masks(PICTURE, exact(0.0, 1.0))
    torch.testing.assert_close(masks, exact(0.0, 1.0))
    below = teacher.masks(PICTURE, exact(1.0, 1.0))  # a vessel in front of it
    torch.testing.assert_close(below, exact(1.0, 1.0))


def test_a_teacher_is_never_trained():
    model = certain(0.0).train()
    masks = Teacher(model, 0.5).masks(PICTURE, exact(0.5, 0.0).requires_grad_())
    assert not model.training
    masks.sum().backward()
    assert all(p.grad is None for p in model.parameters())


def test_a_teacher_is_read_from_a_segmentation_checkpoint(tmp_path):
    path = tmp_path / "teacher.safetensors"
    card = ModelCard(
        "segmentation", "SegmentationNet", {"width": 2, "depth": 2, "embedding_dim": 4}
        | {"classes": 2}, {},
    )  # fmt: skip
    save_model(path, certain(20.0), card)
    teacher, origin = load_teacher(path, 1.0)
    assert origin["teacher"]["share"] == 1.0
    assert len(origin["teacher"]["weights_sha256"]) == 64
    assert teacher.masks(PICTURE, exact(0.0, 0.0))[:, 0].min() > 0.99


def test_there_need_be_no_teacher():
    assert load_teacher(None, 0.5) == (None, {})


def test_a_teacher_of_another_kind_is_refused():
    with pytest.raises(CheckpointError, match="segmentation"):
        load_teacher("motion-xa", 0.5)
