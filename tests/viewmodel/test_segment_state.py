"""The state of the Segment dock, without a viewer."""

from pathlib import Path

import numpy as np
import pytest
from helpers.plain_layers import PlainLabels

from napari_motionseg.errors import LabelError
from napari_motionseg.viewmodel.loop_masks import LoopMasks
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.viewmodel.segment_status import status_of
from napari_motionseg.viewmodel.session import Model, Session

SHAPE = (5, 8, 8)
MODEL = Model(Path("a.safetensors"), "segmentation", "a")


@pytest.fixture
def state():
    session = Session()
    yield SegmentState(session)
    session.close()


@pytest.fixture
def painting():
    return PlainLabels(np.zeros(SHAPE, np.uint8))


def new_masks(*done):
    """Masks of which some frames are done; frame 3 is the most doubtful."""
    layer = PlainLabels(np.zeros(SHAPE, np.uint8))
    masks = LoopMasks("loop", layer, np.zeros(SHAPE[0], bool))
    probability = np.full(SHAPE[1:], 0.9)
    for t in done:
        masks.add(t, probability - 0.4 * (t == 3), np.ones(SHAPE[1:], np.uint8))
    return masks


def seen(state):
    """What is to be seen: the preview, and masks."""
    return state.preview_on, state.masks_shown


# events


@pytest.mark.parametrize(
    ("field", "value"),
    [("loop", "a loop"), ("label_mode", "dense"), ("model", MODEL), ("threshold", 0.3),
     ("smallest", 4), ("preview_on", False), ("preview_classes", (0, 1)),
     ("masks_visible", True), ("uncertainty_on", True), ("job", "Training"),
     ("trained", Path("b.safetensors")), ("advice", "Frame 3.")],
)  # fmt: skip
def test_each_field_tells_of_its_change_once(state, field, value):
    told, anything = [], []
    getattr(state.events, field).connect(lambda new: told.append(new))
    state.events.connect(lambda info: anything.append(info.signal.name))
    setattr(state, field, value)
    setattr(state, field, value)
    assert told == [value]
    assert anything == [field]


def test_two_docks_have_two_states(state):
    other, told = SegmentState(state.session), []
    other.events.threshold.connect(told.append)
    state.threshold = 0.9
    assert other.threshold == 0.5
    assert told == []


# painting


def test_names_come_with_the_labels_layer(state, painting):
    state.paint_on(painting)
    assert state.names == ("background", "vessel")
    told = []
    state.events.names.connect(lambda names: told.append(names))
    painting.metadata["classes"] = ["background", "vessel", "stent"]
    state.refresh_names()
    assert told == [("background", "vessel", "stent")]
    state.paint_on(None)
    assert state.names == ()


@pytest.mark.parametrize(
    ("named", "mode", "expected"),
    [(True, "dense", 2), (True, "scribbles", 2), (False, "dense", 1),
     (False, "scribbles", 2)],
)  # fmt: skip
def test_brush_and_mask_paint_the_same_label(state, named, mode, expected):
    painting = PlainLabels(np.zeros(SHAPE, np.uint8), named=named)
    state.paint_on(painting)
    state.label_mode = mode
    assert state.label_of(1) == expected
    masks = new_masks(1)
    masks.layer.data[1, 2, 3] = 1
    state.begin_masks(masks)
    state.take_frame(1)
    assert painting.data[1, 2, 3] == expected
    assert painting.data[1, 0, 0] == expected - 1
    assert not painting.data[[0, 2, 3, 4]].any()
    assert masks.confirmed.tolist() == [False, True, False, False, False]
    assert state.advice == "Frame 1 is among the labels now."


def test_there_is_nothing_to_take_without_masks_or_labels(state, painting):
    state.take_frame(0)
    state.begin_masks(new_masks(0))
    state.take_frame(0)
    assert not state.masks.confirmed.any()
    state.drop_masks()
    state.paint_on(painting)
    state.take_frame(0)
    assert painting.steps == []
    assert state.advice == ""


# preview and masks: one of them is looked at


def test_masks_set_the_preview_aside_until_a_brush_is_taken(state):
    state.begin_masks(new_masks(0))
    assert seen(state) == (False, True)
    state.take_brush()
    assert seen(state) == (True, False)
    state.adjust(0.4, 7)
    assert (state.threshold, state.smallest) == (0.4, 7)
    assert seen(state) == (False, True)


def test_a_preview_that_is_off_by_hand_stays_off(state):
    state.switch_preview(False)
    state.begin_masks(new_masks(0))
    state.take_brush()
    assert seen(state) == (False, True)
    state.switch_preview(True)
    state.set_preview_aside()
    state.switch_preview(False)
    state.take_brush()
    assert not state.preview_on


def test_being_set_aside_twice_is_being_set_aside(state):
    state.begin_masks(new_masks(0))
    state.begin_masks(new_masks(0))
    state.take_brush()
    assert state.preview_on


def test_a_threshold_without_masks_leaves_the_preview(state):
    state.adjust(0.3, 0)
    assert seen(state) == (True, False)


def test_masks_are_shown_from_their_first_frame(state):
    masks = new_masks()
    state.begin_masks(masks)
    assert not state.masks_shown
    masks.done[2] = True
    assert state.masks_shown
    state.drop_masks()
    assert not state.masks_shown


# training


@pytest.mark.parametrize("learned", [True, False])
@pytest.mark.parametrize("masks_before", [True, False])
def test_training_ends_with_the_preview_or_with_what_was_there(
    state, learned, masks_before
):
    if masks_before:
        state.begin_masks(new_masks(0))
    state.begin_training("loop")
    assert state.training_on == "loop"
    assert seen(state) == (False, False)
    state.end_training(learned)
    assert state.training_on is None
    masks = masks_before and not learned
    assert seen(state) == (not masks, masks)


def test_masks_that_went_during_training_do_not_come_back(state):
    state.begin_masks(new_masks(0))
    state.begin_training("loop")
    state.drop_masks()
    state.end_training(False)
    assert not state.masks_visible


# the next frame


def test_the_most_doubtful_frame_is_next(state, painting):
    state.paint_on(painting)
    assert state.suggest() is None
    state.begin_masks(new_masks(0, 1, 2, 3, 4))
    assert state.suggest() == 3
    assert state.advice.startswith("Frame 3: ")
    painting.data[3, 0, 0] = 1
    assert state.suggest() != 3
    painting.data[:, 0, 0] = 1
    with pytest.raises(LabelError, match="labelled already"):
        state.suggest()


def test_frames_are_suggested_without_a_labels_layer(state):
    state.begin_masks(new_masks(0, 3))
    assert state.suggest() == 3


# the status line


def test_the_status_leads_from_step_to_step(state, painting):
    assert status_of(state, "cpu").startswith("Open a loop")
    state.loop = "loop"
    assert status_of(state, "cpu").startswith("Take a brush")
    state.paint_on(painting)
    assert status_of(state, "cpu").startswith("Take a brush")
    painting.data[0, 0, 0] = 2
    state.preview_classes = (1,)
    only = status_of(state, "cpu")
    assert only.startswith("Only vessel is painted")
    assert "Draw some background too" in only
    state.preview_classes = (0, 1)
    assert status_of(state, "cpu").startswith("Each stroke changes the preview")
    state.begin_masks(new_masks(0))
    assert status_of(state, "cpu").startswith("Scrub through the frames")
    state.job = "Training"
    assert status_of(state, "cpu").startswith("Training on the processor.")
    assert status_of(state, "cuda:0").startswith("Training on the GPU (cuda:0).")


def test_the_status_holds_where_the_preview_knows_a_class_of_another_layer(
    state, painting
):
    state.loop = "loop"
    painting.data[0, 0, 0] = 2
    state.paint_on(painting)
    state.preview_classes = (4,)
    assert status_of(state, "cpu").startswith("Each stroke changes the preview")
