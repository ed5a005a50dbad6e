"""Clicks and arrows are answered in a thread, which loads the network once."""

import gc
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.propagation import KnownObjects

from napari_motionseg.cine import Cine
from napari_motionseg.guidance import propagator
from napari_motionseg.guidance.points import Arrow, Clicks
from napari_motionseg.viewmodel import guide_engine
from napari_motionseg.viewmodel.frame_guidance import ObjectClicks
from napari_motionseg.viewmodel.guide_engine import (
    ArrowQuestion,
    CarryQuestion,
    ClickQuestion,
    GuideEngine,
)
from napari_motionseg.viewmodel.session import Loop

SIZE = 40, 60


def new_loop(seed=0):
    # noise, so that no part of the picture looks like a shutter
    pixels = np.random.default_rng(seed).integers(90, 200, SIZE, dtype=np.uint8)
    return Loop(Cine.from_array(np.stack([pixels] * 6), name="bars"))


@pytest.fixture
def known():
    numbers = np.zeros(SIZE, int)
    numbers[8:13] = 1
    return KnownObjects(numbers)


@pytest.fixture
def loads(monkeypatch, known):
    """What happens when a network is loaded: whether garbage is collected then."""
    found = []

    def load(device):
        found.append((device, gc.isenabled()))
        return known

    monkeypatch.setattr(propagator, "load_propagator", load)
    monkeypatch.setattr("napari_motionseg.guidance.load_propagator", load)
    return found


def test_the_first_question_loads_the_network_beside_the_window(loads, known):
    engine, loop = GuideEngine("cpu"), new_loop()
    assert not engine.is_loaded
    assert engine.scores(ClickQuestion(loop, 1, Clicks(()))).scores is None
    assert engine.is_loaded
    assert loads == [("cpu", False)]
    assert len(known.asked) == 1  # a click that the user's first one need not wait for
    found = engine.scores(ClickQuestion(loop, 1, Clicks(((10, 20),))))
    assert (found.scores[known.objects == 1] > 0).all()
    assert len(loads) == 1
    assert gc.isenabled()


def test_two_threads_prepare_a_frame_once(loads, known):
    engine, loop = GuideEngine(), new_loop()
    begun, go_on = threading.Event(), threading.Event()
    prepare = known.prepare

    def slow(frame):
        begun.set()
        go_on.wait(60)
        return prepare(frame)

    engine.scores(ClickQuestion(loop, 0, Clicks(())))
    known.prepare, known.prepared = slow, 0
    clicks = ClickQuestion(loop, 3, Clicks(()))
    arrows = ArrowQuestion(loop, 3, (Arrow(10, 20, 3, 0),))
    threads = [
        threading.Thread(target=engine.scores, args=(clicks,)),
        threading.Thread(target=engine.flow, args=(arrows,)),
    ]
    for thread in threads:
        thread.start()
    begun.wait(60)
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert known.prepared == 1


def test_a_click_outside_the_field_of_view_has_no_effect_and_is_said(
    loads, known, monkeypatch
):
    field = np.ones(SIZE, bool)
    field[:, 50:] = False
    monkeypatch.setattr(
        guide_engine, "find_cine_field_of_view", lambda _: SimpleNamespace(mask=field)
    )
    engine, loop = GuideEngine(), new_loop()
    alone = engine.scores(ClickQuestion(loop, 0, Clicks(((10, 20),))))
    both = engine.scores(ClickQuestion(loop, 0, Clicks(((10, 20), (30, 55)))))
    np.testing.assert_array_equal(both.scores, alone.scores)
    assert both.message.startswith(
        "The point at row 30, column 55 is outside the field"
    )
    assert not alone.message
    only = engine.scores(ClickQuestion(loop, 0, Clicks((), ((30, 55),))))
    assert only.scores is None
    assert "outside the field" in only.message


def test_clicks_that_the_flow_loses_are_counted(monkeypatch):
    flow = np.zeros((5, 2, *SIZE), np.float32)
    backward = flow.copy()
    backward[0, 0, :, 40:] = 9  # a point there does not come back
    backward[1, 0, :, 20:40] = 9
    sequence = SimpleNamespace(forward=flow, backward=backward, missing=set())
    engine = GuideEngine()
    monkeypatch.setattr(engine, "_flow_of", lambda _: sequence)
    clicks = Clicks(((10, 5), (10, 50)), ((30, 30),))
    found = engine.carried(CarryQuestion(new_loop(), 0, (ObjectClicks(clicks),), 2))
    assert found.frames[1] == (
        ObjectClicks(Clicks(((10, 5),), ((30, 30),)), 1, proposed=True, lost=1),
    )
    assert found.frames[2] == (ObjectClicks(Clicks(((10, 5),)), 1, True, lost=2),)


def test_few_frames_are_kept_and_none_of_another_loop(loads, known):
    engine, loop = GuideEngine(), new_loop()
    for t in (0, 1, 2, 3, 3, 2, 1):
        engine.scores(ClickQuestion(loop, t, Clicks(())))
    assert known.prepared == 1 + 4  # the first click's, then each frame's
    engine.scores(ClickQuestion(loop, 0, Clicks(())))
    assert known.prepared == 6
    engine.scores(ClickQuestion(new_loop(1), 0, Clicks(())))
    assert known.prepared == 7
