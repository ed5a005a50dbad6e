"""Garbage collection that rests while a hand moves something, and always comes back."""

import gc

import pytest
from qtpy.QtCore import QCoreApplication, QObject

from napari_motionseg.widgets.common import collection_pause
from napari_motionseg.widgets.common.collection_pause import CollectionPause


@pytest.fixture(autouse=True)
def collecting():
    assert gc.isenabled()
    yield
    assert gc.isenabled()


@pytest.fixture
def owner(qapp):
    return QObject()


def test_it_lasts_from_hold_to_release(owner):
    pause = CollectionPause(owner)
    pause.hold()
    pause.hold()
    assert not gc.isenabled()
    pause.release()
    assert gc.isenabled()
    pause.release()  # one end too many is none


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_two_may_overlap(owner, first_ends_first):
    first, second = CollectionPause(owner), CollectionPause(owner)
    first.hold()
    second.hold()
    for pause in (first, second) if first_ends_first else (second, first):
        pause.release()
    assert gc.isenabled()


def test_the_one_that_is_left_goes_on_at_its_next_move(owner):
    first, second = CollectionPause(owner), CollectionPause(owner)
    first.hold()
    second.hold()
    first.release()
    second.hold()
    assert not gc.isenabled()
    second.release()


def test_what_others_have_switched_off_stays_off(owner):
    pause = CollectionPause(owner)
    gc.disable()
    try:
        pause.hold()
        pause.release()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_hand_that_rests_is_waited_for_no_longer(owner, qtbot, monkeypatch):
    monkeypatch.setattr(collection_pause, "LEASE_MS", 1)
    CollectionPause(owner).hold()
    qtbot.waitUntil(gc.isenabled)


def test_it_ends_with_its_owner(owner, qtbot):
    pause = CollectionPause(owner)
    pause.hold()
    with qtbot.waitSignal(owner.destroyed):
        owner.deleteLater()
    assert gc.isenabled()
    pause.hold()  # by a drag that has not heard of it
    assert gc.isenabled()
    pause.release()


def test_it_ends_with_the_application(owner):
    CollectionPause(owner).hold()
    QCoreApplication.instance().aboutToQuit.emit()
    assert gc.isenabled()
