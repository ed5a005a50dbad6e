"""Layers come and go without the work that napari does for a user's own changes."""

import gc
from contextlib import contextmanager
from types import SimpleNamespace
from weakref import ref

import numpy as np
import pytest
from helpers.patience import LONG
from qtpy.QtCore import QObject

from napari_motionseg.widgets.common import layer_changes, resting_collection
from napari_motionseg.widgets.common.later_removal import removal_of
from napari_motionseg.widgets.common.layer_changes import active_kept, take_out
from napari_motionseg.widgets.common.resting_collection import RestingCollection
from napari_motionseg.widgets.common.viewers import lay_over, session_of
from napari_motionseg.widgets.segment.dock import SegmentDock

PICTURE = np.zeros((4, 4), np.float32)


@pytest.fixture
def thawed():
    """Undo for a test that the others freeze what imports have made."""
    gc.unfreeze()
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture
def turned(viewer):
    """Return the layers that become active, in their order."""
    seen = []
    viewer.layers.selection.events.active.connect(
        lambda event: seen.append(event.value)
    )
    return seen


def test_new_layers_do_not_become_active_in_between(viewer, loop_layer, turned):
    viewer.layers.selection.active = loop_layer
    turned.clear()
    with active_kept(viewer):
        viewer.add_image(PICTURE)
    lay_over(viewer, loop_layer, "something", PICTURE)
    assert turned == []
    assert viewer.layers.selection.active is loop_layer
    last = viewer.add_image(PICTURE)
    assert viewer.layers.selection.active is last, "as napari does without the block"


def test_a_napari_without_the_switch_ends_with_the_same_layer(viewer, loop_layer):
    viewer.layers.selection.active = loop_layer
    del viewer.layers._activate_on_insert
    type(viewer.layers)._activate_on_insert = None
    try:
        with active_kept(viewer):
            viewer.layers.selection.active = viewer.add_image(PICTURE)
    finally:
        del type(viewer.layers)._activate_on_insert
        viewer.layers._activate_on_insert = True
    assert viewer.layers.selection.active is loop_layer


def test_masks_and_labels_leave_the_active_layer_alone(
    viewer, loop_layer, dock, turned
):
    segment = dock(SegmentDock)
    viewer.layers.selection.active = loop_layer
    turned.clear()
    segment.apply.layers.begin(loop_layer, ["background", "vessel"])
    segment.paint.painting_for_strokes()
    assert len(viewer.layers) == 3
    assert turned == []


def test_new_masks_take_the_place_of_active_ones(viewer, loop_layer, dock):
    segment = dock(SegmentDock)
    segment.apply.layers.begin(loop_layer, ["background", "vessel"])
    viewer.layers.selection.active = segment.state.masks.layer
    segment.apply.layers.begin(loop_layer, ["background", "vessel"])
    assert viewer.layers.selection.active is segment.state.masks.layer


def test_a_removal_searches_no_old_objects(viewer, thawed):
    layer, frozen = viewer.add_image(PICTURE), []
    viewer.layers.events.removed.connect(lambda _: frozen.append(gc.get_freeze_count()))
    take_out(viewer, layer)
    assert frozen[0] > 100_000, "napari's collection has but the new ones to look at"
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("system", ["win32", "linux"])
def test_what_others_have_frozen_stays_so_and_windows_is_left_alone(
    viewer, thawed, monkeypatch, system
):
    monkeypatch.setattr(layer_changes.sys, "platform", system)
    if system == "linux":
        gc.freeze()  # somebody else
    before = gc.get_freeze_count()
    with layer_changes.old_objects_skipped():
        assert gc.get_freeze_count() == before
    assert gc.get_freeze_count() == before
    gc.unfreeze()


def test_all_removals_of_docks_are_quick_and_collected_later(
    viewer, loop_layer, dock, monkeypatch, qtbot
):
    segment, entered = dock(SegmentDock), []

    @contextmanager
    def noted():
        entered.append("skipped")
        yield

    monkeypatch.setattr(layer_changes, "old_objects_skipped", noted)
    collection = removal_of(viewer).collection
    layers = segment.apply.layers
    layers.begin(loop_layer, ["background", "vessel"])
    layers.begin(loop_layer, ["background", "vessel"])
    qtbot.waitUntil(lambda: entered == ["skipped"], timeout=LONG)
    assert collection.due
    layers.drop_empty()
    assert entered == ["skipped"] * 2
    lay_over(viewer, loop_layer, "uncertainty", PICTURE)
    layers._remove(f"{loop_layer.name} uncertainty")
    assert entered == ["skipped"] * 3


class Held:
    """An object that only a collection frees."""

    def __init__(self):
        self.itself = self


def test_garbage_is_collected_at_rest(viewer, loop_layer, monkeypatch, qtbot):
    monkeypatch.setattr(resting_collection, "REST_MS", 40)
    owner = QObject()
    collection, session = RestingCollection(owner, viewer), session_of(viewer)
    gc.disable()
    try:
        gone = ref(Held())
        collection.expect()
        step = viewer.dims.current_step[0]
        viewer.dims.set_point(0, step + 1)  # the user looks at another frame
        collection._look()
        assert gone() is not None
        assert collection.due
        session._job = SimpleNamespace(running=True)  # and a job of theirs runs
        collection._look()
        assert gone() is not None
        session._job = None
        qtbot.waitUntil(lambda: gone() is None, timeout=LONG)
        assert not collection.due
    finally:
        gc.enable()
