"""A damaged frame is not segmented, not learnt from and not suggested."""

import dataclasses

import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.cine.field_of_view import find_cine_field_of_view
from napari_motionseg.cine.frame_stack import FrameStack
from napari_motionseg.errors import LabelError, ReadError
from napari_motionseg.evaluation.reference_loops import ReferenceLoop
from napari_motionseg.io.labels import Labels
from napari_motionseg.jobs import run
from napari_motionseg.models import SegmentationNet, UNetConfig
from napari_motionseg.report.pictures import as_gray
from napari_motionseg.segmentation import segment, segment_job
from napari_motionseg.segmentation import temporal_smoothing as smoothing_module
from napari_motionseg.segmentation.dataset import describe_dataset, gather_frames
from napari_motionseg.segmentation.suggest import suggest_frame
from napari_motionseg.segmentation.temporal_smoothing import postprocess, smooth_job
from napari_motionseg.viewmodel.layer_jobs import SegmentRequest, segment_layer_job

DAMAGED = [2, 5]
GOOD = [0, 1, 3, 4, 6, 7]


@pytest.fixture
def blank(small_cine):
    pixels = np.array(small_cine.frames)
    pixels[DAMAGED] = 0
    frames = FrameStack.from_array(pixels, damaged=DAMAGED)
    return dataclasses.replace(small_cine, frames=frames)


@pytest.fixture(scope="module")
def network():
    """A network that takes every pixel for vessel."""
    torch.manual_seed(0)
    net = SegmentationNet(UNetConfig(width=4, depth=2, embedding_dim=6), 2)
    with torch.no_grad():
        net.head.weight.zero_()
        net.head.bias.fill_(9.0)
    return net


@pytest.mark.parametrize("batch", [1, 3])
def test_damaged_frames_are_empty_and_not_done(blank, network, batch):
    found = segment(blank, network, batch=batch)
    assert found.done.tolist() == [t in GOOD for t in range(8)]
    for part in (found.masks, found.probabilities, found.likeliest):
        assert not part[DAMAGED].any()
    field = find_cine_field_of_view(blank).inner()
    assert field.mean() > 0.5
    assert (found.masks[GOOD] == field).all()
    assert not postprocess(found, 5)[DAMAGED].any()


def test_a_damaged_frame_is_said_and_has_no_preview(blank, network):
    steps = list(segment_job(blank, network, frames=[2, 3]))
    assert [step.preview is None for step in steps] == [True, False]
    assert steps[0].message == "frame 2 is damaged and left out"
    assert steps[-1].step == steps[-1].total == 2


def test_a_file_with_damaged_frames_is_segmented(damaged_cine, network):
    with pytest.warns(UserWarning, match="frame 2 cannot be decoded"):
        found = segment(damaged_cine, network)
    assert found.done.tolist() == [t in GOOD for t in range(8)]


def test_a_file_without_a_good_frame_is_an_error(
    tmp_path, small_cine, write_damaged, network
):
    from napari_motionseg.io import read_cine

    cine = read_cine(write_damaged(tmp_path / "bad.dcm", small_cine, range(8)))
    with pytest.warns(UserWarning, match="frame 0 cannot be decoded"):
        cine.frames[0]
    with pytest.raises(ReadError, match="no frame of this"):
        segment(cine, network)


def test_damaged_frames_are_not_suggested(blank, network):
    found = segment(blank, network)
    doubtful = np.full(blank.shape, 0.9, np.float16)
    doubtful[DAMAGED] = 0.5
    known = list(GOOD[:-1])
    assert suggest_frame(doubtful, known, found.done).frame == GOOD[-1]
    with pytest.raises(LabelError, match="labelled already"):
        suggest_frame(doubtful, GOOD, found.done)


def test_smoothing_goes_on_beside_damaged_frames(blank, network, monkeypatch):
    from napari_motionseg.motion import FlowSettings, lazy_flow

    quick = lazy_flow(blank, FlowSettings(gap=1, method="ilk", backward=True))
    monkeypatch.setattr(smoothing_module, "lazy_flow", lambda *_: quick)
    found = segment(blank, network)
    smooth = run(smooth_job(blank, found))
    assert not smooth.masks[DAMAGED].any()
    assert (smooth.masks[GOOD] == find_cine_field_of_view(blank).inner()).all()
    request = SegmentRequest(network, tuple(range(8)), smooth=True)
    steps = list(segment_layer_job(blank, request))
    assert sum("smoothing" in step.message for step in steps) == len(GOOD)


def labels_on(cine, frames):
    painted = np.zeros(cine.shape, np.uint8)
    painted[:, 4:9] = 1
    labelled = np.isin(np.arange(len(cine)), frames)
    return Labels(painted, labelled, "dense")


def test_damaged_frames_are_not_learnt_from(blank):
    labels = labels_on(blank, [1, 2, 5])
    (frame,) = gather_frames([(blank, labels)])
    np.testing.assert_array_equal(frame.image[0, 0].numpy(), blank.normalized(1))
    (facts,) = describe_dataset([(blank, labels)])
    assert facts["labelled_frames"] == [1]


def test_labels_on_damaged_frames_alone_are_an_error(blank):
    with pytest.raises(LabelError, match="every labelled frame is damaged"):
        gather_frames([(blank, labels_on(blank, DAMAGED))])


def test_damaged_frames_are_not_measured(blank):
    masks = np.ones(blank.shape, bool)
    loop = ReferenceLoop("a", "a", blank, masks, np.ones(8, bool))
    assert loop.shown.tolist() == GOOD


def test_blank_frames_have_no_say_in_a_reports_contrast():
    pixels = np.random.default_rng(0).integers(100, 200, (4, 16, 16)).astype(np.uint8)
    whole = as_gray(Cine.from_array(pixels[:2]))
    pixels[2:] = 0
    frames = FrameStack.from_array(pixels, damaged=[2, 3])
    np.testing.assert_array_equal(as_gray(Cine(frames))[:2], whole)
