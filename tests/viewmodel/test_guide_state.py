"""The state of the Guide dock: what is asked, answered, accepted, carried, undone."""

import numpy as np
import pytest
from helpers.plain_layers import PlainLabels
from helpers.propagation import KnownObjects

from napari_motionseg.cine import Cine
from napari_motionseg.guidance.points import Arrow, Clicks
from napari_motionseg.motion import FlowSequence
from napari_motionseg.viewmodel.guide_engine import GuideEngine
from napari_motionseg.viewmodel.guide_state import GuideState
from napari_motionseg.viewmodel.session import Loop

SIZE = 40, 60


@pytest.fixture
def objects():
    """Two bars."""
    numbers = np.zeros(SIZE, int)
    numbers[8:13, :] = 1
    numbers[25:30, 10:50] = 2
    return numbers


@pytest.fixture
def loop():
    # noise, so that no part of the picture looks like a shutter
    pixels = np.random.default_rng(0).integers(90, 200, SIZE, dtype=np.uint8)
    return Loop(Cine.from_array(np.stack([pixels] * 4), name="bars"))


@pytest.fixture
def engine(objects):
    made = GuideEngine()
    made._propagator = KnownObjects(objects)
    return made


@pytest.fixture
def state(session, loop, engine):
    """The state, with an engine that answers at once."""
    made = GuideState(session)
    made.asked = []
    made.clicks_asked.connect(lambda q: made.clicks_answered(engine.scores(q)))
    made.arrows_asked.connect(lambda q: made.arrows_answered(engine.flow(q)))
    made.carry_asked.connect(lambda q: made.carried(engine.carried(q)))
    made.clicks_asked.connect(made.asked.append)
    made.show("bars", loop, 1)
    return made


def flow_down(loop, px=2.0):
    """Give the loop a flow down, and back."""
    forward = np.zeros((3, 2, *SIZE), np.float32)
    forward[:, 1] = px
    loop.flow = FlowSequence(forward, -forward, 1, "exact")


def test_clicks_become_a_mask_and_the_threshold_asks_nothing(state, objects):
    state.click((10, 20), True)
    assert (state.mask == (objects == 1)).all()
    state.click((27, 20), True)
    assert (state.mask == (objects > 0)).all()
    state.click((27, 40), False)
    before = len(state.asked)
    state.choose(threshold=0.7)
    assert len(state.asked) == before
    state.choose(extent="tree")
    assert len(state.asked) == before + 1


def test_an_accepted_mask_is_paint_and_undo_takes_it_back(state, objects):
    painting = PlainLabels(np.zeros((4, *SIZE), np.uint8))
    state.click((10, 20), True)
    state.choose_class(2)
    state.accept(painting, "scribbles")
    assert (painting.data[1] == 2 * (objects == 1)).all()
    assert not painting.data[[0, 2, 3]].any()
    assert state.mask is None
    assert [one.number for one in state.here.done] == [2]
    state.undo()
    assert not painting.data.any()
    assert state.here.current.clicks == Clicks(((10, 20),))
    assert (state.mask == (objects == 1)).all()
    state.undo()
    assert state.mask is None
    state.undo()  # nothing is left to undo


def test_undo_keeps_what_was_painted_since(state):
    painting = PlainLabels(np.zeros((4, *SIZE), np.uint8))
    state.click((10, 20), True)
    state.accept(painting, "scribbles")
    painting.data[1, 0, 0] = 1
    state.undo()
    assert painting.data[1, 0, 0] == 1
    assert painting.data[1, 10].all()


def test_a_mask_is_accepted_when_it_is_that_of_all_clicks(session, loop, engine):
    made, asked, done = GuideState(session), [], []
    made.clicks_asked.connect(asked.append)
    made.show("bars", loop, 1)
    painting = PlainLabels(np.zeros((4, *SIZE), np.uint8))
    made.click((10, 20), True)
    made.clicks_answered(engine.scores(asked[-1]))
    made.click((27, 20), True)
    made.accept(painting, "scribbles", lambda: done.append(1))
    made.click((9, 40), True)  # of the next object
    assert not painting.data.any()  # the mask of both clicks is still computed
    made.clicks_answered(engine.scores(asked[0]))
    assert not painting.data.any()  # an answer to an earlier question
    made.clicks_answered(engine.scores(asked[-1]))
    assert painting.data[1, 27, 20]
    assert done == [1]
    assert made.here.current.clicks == Clicks(((9, 40),))
    assert len(made.here.done[0].clicks.positive) == 2


def test_clicks_are_carried_along_the_flow_as_proposals(state, loop):
    flow_down(loop)
    painting = PlainLabels(np.zeros((4, *SIZE), np.uint8))
    state.click((9, 20), True)
    state.accept(painting, "scribbles")
    state.click((26, 20), True)
    state.carry(5)
    assert sorted(state.book.frames) == [1, 2, 3]
    state.show("bars", loop, 3)
    here = state.here
    assert here.current.clicks.positive == ((13, 20),)
    assert here.current.proposed
    assert here.waiting[0].clicks.positive == ((30, 20),)
    assert state.scores is not None
    state.undo()
    assert sorted(state.book.frames) == [1]


def test_lost_clicks_are_reported(state, loop):
    flow_down(loop, 50.0)
    state.carry()
    assert "Click an object first" in state.message
    state.click((9, 20), True)
    state.carry(2)
    assert "lost after frame 1" in state.message
    state.show("bars", loop, 3)
    state.click((9, 20), True)
    state.carry()
    assert "last frame" in state.message


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([((10, 20), False)], "At least one positive point is needed"),
        ([((20, 5), True)], "lie on the background"),
        ([((10, 200), True)], "outside the frame"),
    ],
)
def test_clicks_without_meaning_get_a_sentence(state, points, message):
    for point, positive in points:
        state.click(point, positive)
    assert message in state.message


def test_ten_clicks_on_one_spot_are_one(state, objects):
    for _ in range(10):
        state.click((10, 20), True)
    assert state.here.current.clicks == Clicks(((10, 20),))
    assert (state.mask == (objects == 1)).all()


def test_arrows_become_flow_beside_the_measured_one(state, loop, objects):
    flow_down(loop)
    state.add_arrow(Arrow(27, 20))
    assert "Drag an arrow" in state.message
    state.pull(Arrow(10, 20, 3, 0))
    assert state.guided.flow[1, 10, 20] == 3
    state.add_arrow(Arrow(10, 20, 5, 0))
    assert (state.guided.flow[1] == 5 * (objects == 1)).all()
    assert state.guided.measured is None
    state.compare(True)
    assert (state.guided.measured[1] == 2).all()
    state.show("bars", loop, 3)
    state.add_arrow(Arrow(10, 20, 90, 0))
    assert "shortened to 20 px" in state.message
    assert "last frame" in state.message
    assert state.remove_near((10, 20), 2) is False  # the tool is that for clicks
    state.take_tool("arrows")
    assert state.remove_near((10, 20), 2)
    assert state.guided is None
    state.show("bars", loop, 1)
    state.clear_arrows()
    assert not state.arrows


def test_a_project_restores_clicks_and_choices(state, session, loop):
    state.click((10, 20), True)
    state.choose(threshold=0.55, extent="tree")
    kept = session.settings
    session.settings = {}
    other = GuideState(session)
    other.show("bars", loop, 1)
    assert not other.here.current.clicks.points
    other.restore(kept)
    assert other.here.current.clicks == Clicks(((10, 20),))
    assert (other.choices.threshold, other.choices.extent) == (0.55, "tree")
    for damaged in ({"guide": 3}, {"guide": {"choices": {"threshold": "x",
                    "directions": 8, "extent": "all"}, "loops": [1]}}):  # fmt: skip
        other.restore(damaged)
    assert other.choices.threshold == state.choices.__class__().threshold


def test_one_frame_and_colors_and_tiny_pictures_are_answered(session):
    pixels = np.random.default_rng(0).integers(90, 200, (1, 5, 7), dtype=np.uint8)
    single = Loop(Cine.from_array(pixels, name="one"))
    made, asked = GuideState(session), []
    made.clicks_asked.connect(asked.append)
    made.show("one", single)
    made.click((2, 3), True)
    engine = GuideEngine()
    engine._propagator = KnownObjects(np.zeros((5, 7), int))
    made.clicks_answered(engine.scores(asked[-1]))
    assert made.scores.shape == (5, 7)
    made.carry()
    assert made.book.frames.keys() == {0}
