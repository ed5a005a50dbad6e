"""The state of the Segment dock, without a viewer."""

from pathlib import Path

import numpy as np
import pytest
from helpers.plain_layers import PlainLabels

from napari_motionseg.errors import LabelError
from napari_motionseg.viewmodel.loop_masks import LoopMasks
from napari_motionseg.viewmodel.next_frame import next_frame
from napari_motionseg.viewmodel.painting import painted_target
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.viewmodel.segment_status import next_step, status_of
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


def show_training(state):
    """Hide preview and masks, as the section does with the first picture."""
    state.set_preview_aside()
    state.masks_visible = False


# events


@pytest.mark.parametrize(
    ("field", "value"),
    [("loop", "a loop"), ("label_mode", "dense"), ("model", MODEL), ("threshold", 0.3),
     ("smallest", 4), ("preview_on", False), ("preview_classes", (0, 1)),
     ("masks_visible", True), ("uncertainty_on", True), ("job", "Training"),
     ("trained", Path("b.safetensors")), ("advice", "Frame 3."), ("unlearned", True)],
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
    assert state.names == ("background", "vessel", "catheter")  # of the first brush


@pytest.mark.parametrize(
    ("named", "mode", "expected"),
    [(True, "dense", 1), (True, "scribbles", 1), (False, "dense", 1),
     (False, "scribbles", 2)],
)  # fmt: skip
def test_a_frame_that_is_right_becomes_labels(state, named, mode, expected):
    painting = PlainLabels(np.zeros(SHAPE, np.uint8), named=named)
    state.paint_on(painting)
    state.label_mode = mode
    assert state.label_of(1) == expected
    masks = new_masks(1)
    masks.layer.data[1, 2, 3] = 1
    state.begin_masks(masks)
    state.confirm_frame(1)
    assert painting.data[1, 2, 3] == expected
    assert targets(painting, 1, mode)[0, 0] == 0
    assert not painting.data[[0, 2, 3, 4]].any()
    assert masks.confirmed.tolist() == [False, True, False, False, False]
    assert state.advice.startswith("Frame 1 is right")
    assert len(painting.steps) == 1  # of undo


def targets(painting, t, mode="scribbles"):
    return painted_target(painting, t, mode, SHAPE[1:])


def test_the_same_class_has_the_same_number_in_masks_and_labels(state, painting):
    state.paint_on(painting)
    in_labels = [state.label_of(number) for number in (1, 2)]
    state.begin_masks(new_masks(0))
    assert [state.label_of(number) for number in (1, 2)] == in_labels == [1, 2]
    assert state.label_of(0) == 0  # takes away what is no vessel
    assert state.canvas is state.masks.layer
    state.masks_visible = False
    assert state.canvas is painting


def test_a_correction_takes_over_what_was_corrected_and_a_margin(state):
    painting = PlainLabels(np.zeros((2, 40, 50), np.uint8))
    state.paint_on(painting)
    layer = PlainLabels(np.zeros((2, 40, 50), np.uint8))
    masks = LoopMasks("loop", layer, np.ones(2, bool))
    masks.put(1, np.zeros((40, 50), np.uint8))
    state.begin_masks(masks)
    state.take_corrections(1)
    assert not painting.data.any()
    layer.data[1, 10, 20:30] = 1
    state.take_corrections(1)
    target = painted_target(painting, 1, "scribbles", (40, 50))
    assert (target[10, 20:30] == 1).all()
    margin = target == 0
    assert margin.sum() == 5 * 14 - 10  # 2 px around
    assert (target == -1).sum() == target.size - 5 * 14
    assert not (painting.data == 255).any()  # no background is drawn
    layer.data[1, 10, 20:30] = 0  # undone
    state.take_corrections(1)
    assert not painting.data.any()


def test_a_wrong_branch_that_is_erased_becomes_background_that_is_not_drawn(state):
    painting = PlainLabels(np.zeros((1, 30, 30), np.uint8))
    state.paint_on(painting)
    layer = PlainLabels(np.zeros((1, 30, 30), np.uint8))
    masks = LoopMasks("loop", layer, np.ones(1, bool))
    made = np.zeros((30, 30), np.uint8)
    made[5:7, 3:20] = 1
    masks.put(0, made)
    state.begin_masks(masks)
    layer.data[0, 5:7, 10:20] = 0
    state.take_corrections(0)
    assert (painting.data[0, 5:7, 10:20] == 254).all()
    # what stays beside it is not drawn either: stubs would stand around the place
    assert not painting.data[0, 5:7, 3:10].any()
    assert {*np.unique(painting.data)} == {0, 254}


@pytest.mark.parametrize("made", [0, 1])
def test_a_stroke_that_is_erased_in_the_masks_is_gone(state, made):
    """Where the network found nothing, nothing stays; else background, not drawn."""
    painting = PlainLabels(np.zeros((1, 30, 60), np.uint8))
    state.paint_on(painting)
    layer = PlainLabels(np.zeros((1, 30, 60), np.uint8))
    masks = LoopMasks("loop", layer, np.ones(1, bool))
    found = np.zeros((30, 60), np.uint8)
    found[8:13] = made
    masks.put(0, found)
    state.begin_masks(masks)
    painting.data[0, 9:12, 10:40] = 1
    state.take_corrections(0)
    for left in (20, 30):  # in two parts, as a hand moves
        layer.data[0, 8:13, left : left + 10] = 0
        state.take_corrections(0)
    assert not masks.mask(0)[8:13, 20:40].any()
    drawn = painting.data[0, 9:12] == 1
    assert drawn[:, 10:20].all()
    assert drawn.sum() == 30
    assert set(np.unique(painting.data[0, 9:12, 24:36])) == {254 * made}
    layer.data[0, 9:12, 20:40] = 1  # undone in the masks
    state.take_corrections(0)
    assert (masks.mask(0)[9:12, 10:40] == 1).all()
    target = painted_target(painting, 0, "scribbles", (30, 60))
    assert not (target[9:12, 10:40] == 0).any()


def test_a_class_that_replaces_a_stroke_in_the_masks_holds(state):
    painting = PlainLabels(np.zeros((1, 20, 20), np.uint8))
    state.paint_on(painting)
    layer = PlainLabels(np.zeros((1, 20, 20), np.uint8))
    masks = LoopMasks("loop", layer, np.ones(1, bool))
    state.begin_masks(masks)
    painting.data[0, 5, 3:15] = 1
    state.take_corrections(0)
    layer.data[0, 5, 8:12] = 2
    state.take_corrections(0)
    expected = [1] * 5 + [2] * 4 + [1] * 3
    assert masks.mask(0)[5, 3:15].tolist() == expected
    assert painting.data[0, 5, 3:15].tolist() == expected


def test_strokes_hold_in_the_masks_and_the_margin_does_not_grow(state):
    """A stroke where masks agree is a correction; labels that follow are no strokes."""
    painting = PlainLabels(np.zeros((2, 40, 50), np.uint8))
    state.paint_on(painting)
    masks = LoopMasks(
        "loop", PlainLabels(np.zeros((2, 40, 50), np.uint8)), np.ones(2, bool)
    )
    vessel = np.zeros((40, 50), np.uint8)
    vessel[10:20] = 1
    masks.put(1, vessel)
    state.begin_masks(masks)
    painting.data[1, 12, 5:15] = 1  # a stroke on the vessel
    assert state.take_corrections(1)
    assert not state.take_corrections(1)
    assert (painting.data[1] != 0).sum() == 10  # no margin: it is as it was
    masks.layer.data[1, 15, 30:40] = 0  # erased
    for _ in range(3):
        state.take_corrections(1)
        masks.put(1, np.zeros((40, 50), np.uint8))  # another threshold
    assert np.argwhere(masks.mask(1)).tolist() == [[12, c] for c in range(5, 15)]
    assert (painting.data[1] != 0).sum() == 10 + 10  # the margin is vessel
    assert not painting.steps  # labels that follow are no step of undo
    again = LoopMasks(
        "loop", PlainLabels(np.zeros((2, 40, 50), np.uint8)), np.ones(2, bool)
    )
    state.begin_masks(again)  # what the labels say holds in other masks, too
    state.take_corrections(1)
    assert (again.mask(1) == (painting.data[1] == 1)).all()


def test_corrections_ask_for_labels_to_go_to(state, painting):
    state.labels_wanted.connect(lambda: state.paint_on(painting))
    masks = new_masks(2)
    masks.layer.data[2, 1, 1] = 1
    state.begin_masks(masks)
    state.take_corrections(2)
    assert painting.data[2, 1, 1] == 1


def test_what_the_preview_shows_can_be_right(state, painting):
    state.paint_on(painting)
    mask = np.zeros(SHAPE[1:], np.uint8)
    mask[3] = 1
    state.preview_mask = (2, mask)
    state.confirm_frame(1)  # another frame than the one that is previewed
    assert not painting.data.any()
    painting.data[2, 0, 0] = 255
    state.confirm_frame(2)
    np.testing.assert_array_equal(targets(painting, 2), mask)
    assert painting.data[2, 0, 0] == 255  # drawn background stays drawn
    assert painting.data[2, 1, 1] == 254


def test_there_is_nothing_to_take_without_masks_or_labels(state, painting):
    state.confirm_frame(0)
    state.take_corrections(0)
    state.begin_masks(new_masks(0))
    state.confirm_frame(0)
    assert not state.masks.confirmed.any()
    state.drop_masks()
    state.paint_on(painting)
    state.confirm_frame(0)
    assert painting.steps == []
    assert state.advice == ""


# preview and masks


def test_masks_set_the_preview_aside_until_a_brush_is_taken(state):
    state.begin_masks(new_masks(0))
    assert seen(state) == (False, True)
    state.take_brush(1)
    assert seen(state) == (True, True)  # a brush hides nothing
    assert state.brush.paints(1)
    state.adjust(0.4, 7)
    assert (state.threshold, state.smallest) == (0.4, 7)
    assert seen(state) == (False, True)


def test_a_preview_that_is_off_by_hand_stays_off(state):
    state.switch_preview(False)
    state.begin_masks(new_masks(0))
    state.take_brush(1)
    assert seen(state) == (False, True)
    state.switch_preview(True)
    state.set_preview_aside()
    state.switch_preview(False)
    state.take_brush(1)
    assert not state.preview_on


def test_being_set_aside_twice_is_being_set_aside(state):
    state.begin_masks(new_masks(0))
    state.begin_masks(new_masks(0))
    state.take_brush(1)
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
@pytest.mark.parametrize("pictured", [True, False])
def test_training_ends_with_the_preview_or_with_what_was_there(
    state, learned, masks_before, pictured
):
    if masks_before:
        state.begin_masks(new_masks(0))
    before = seen(state)
    state.begin_training("loop")
    assert state.training_on == "loop"
    assert seen(state) == before  # until there is a picture of the training
    if pictured:
        show_training(state)
        assert seen(state) == (False, False)
    state.end_training(learned)
    assert state.training_on is None
    masks = masks_before and not learned
    assert seen(state) == (not masks, masks)


def test_masks_that_went_during_training_do_not_come_back(state):
    state.begin_masks(new_masks(0))
    state.begin_training("loop")
    show_training(state)
    state.drop_masks()
    state.end_training(False)
    assert not state.masks_visible


# the next frame


def test_the_most_doubtful_frame_is_next(state, painting):
    state.paint_on(painting)
    assert next_frame(state) is None
    state.begin_masks(new_masks(0, 1, 2, 3, 4))
    assert next_frame(state) == 3
    assert state.advice.startswith("Frame 3 is ")
    painting.data[3, 0, 0] = 1
    assert next_frame(state) != 3
    painting.data[:, 0, 0] = 1
    with pytest.raises(LabelError, match="labelled already"):
        next_frame(state)


def test_frames_are_suggested_without_a_labels_layer(state):
    state.begin_masks(new_masks(0, 3))
    assert next_frame(state) == 3


# the status line


def test_the_status_leads_from_step_to_step(state, painting):
    assert status_of(state, "cpu").startswith("Open a loop")
    state.loop = "loop"
    assert status_of(state, "cpu").startswith("Press First guess")
    state.paint_on(painting)
    assert status_of(state, "cpu").startswith("Press First guess")
    painting.data[0, 0, 0] = 1
    state.preview_classes = (1,)
    only = status_of(state, "cpu")
    assert only.startswith("Only vessel is painted")
    assert "Draw some background too" in only
    state.preview_classes = (0, 1)
    assert status_of(state, "cpu").startswith("Each stroke changes the preview")
    state.begin_masks(new_masks(0))
    assert status_of(state, "cpu").startswith("Scrub through the frames")
    state.masks.strange = True
    assert "do not trust its masks" in status_of(state, "cpu")
    state.job = "Training"
    assert status_of(state, "cpu").startswith("Training on the processor.")
    state.session.runners.address = "tcp://gpu:8786"
    assert status_of(state, "cpu").startswith("Training on a worker of tcp://gpu:8786.")
    state.session.runners.address = ""
    assert status_of(state, "cuda:0").startswith("Training on the GPU (cuda:0).")
    assert status_of(state, None).startswith("Training. You can go on")


def test_the_status_holds_where_the_preview_knows_a_class_of_another_layer(
    state, painting
):
    state.loop = "loop"
    painting.data[0, 0, 0] = 2
    state.paint_on(painting)
    state.preview_classes = (4,)
    assert status_of(state, "cpu").startswith("Each stroke changes the preview")


def test_one_button_leads_on(state, painting):
    assert next_step(state) == ""
    state.loop = "loop"
    assert next_step(state) == "guess"
    state.begin_masks(new_masks(0))
    assert next_step(state) == "next"
    state.unlearned = True
    assert next_step(state) == "train"
    state.begin_training("loop")
    state.job = "Training"
    assert next_step(state) == ""
    state.job = None
    state.trained = Path("vessel-1.safetensors")
    state.end_training(True)
    assert next_step(state) == "apply"
    state.masks.model = "vessel-1.safetensors"
    assert next_step(state) == "next"
    state.begin_training("loop")
    state.end_training(False)
    assert next_step(state) == "train"  # what was painted is still to be learned
