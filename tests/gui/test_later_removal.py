"""Layers that others replace: hidden at once, removed one by one."""

import numpy as np
import pytest
from helpers.patience import LONG
from qtpy.QtCore import QTimer

from napari_motionseg.widgets.common.later_removal import removal_of


@pytest.fixture
def former(viewer):
    assert removal_of(viewer) is removal_of(viewer)  # all parts of the docks share it
    return removal_of(viewer)


def test_names_are_free_at_once_and_layers_go_one_by_one(viewer, former, qtbot):
    old = [viewer.add_image(np.zeros((4, 4)), name=name) for name in ("a", "b")]
    former.remove_named("a")
    former.remove(old[1])
    former.remove(old[1])
    former.remove_named("no such layer")
    assert not old[0].visible
    assert all(former.waits_for(layer) for layer in old)
    new = viewer.add_image(np.zeros((4, 4)), name="a")
    assert new.name == "a"
    seen = []

    def removed(event):
        seen.append("removed")
        QTimer.singleShot(0, lambda: seen.append("the window reacts"))

    viewer.layers.events.removed.connect(removed)
    qtbot.waitUntil(lambda: len(viewer.layers) == 1, timeout=LONG)
    assert seen[:3] == ["removed", "the window reacts", "removed"]
    assert viewer.layers[0] is new


def test_a_layer_that_somebody_else_has_removed_is_no_fault(viewer, former, qtbot):
    gone = viewer.add_image(np.zeros((4, 4)))
    stays = viewer.add_image(np.zeros((4, 4)))
    former.remove(gone)
    viewer.layers.remove(gone)
    qtbot.waitUntil(lambda: not former.waits_for(gone), timeout=LONG)
    assert list(viewer.layers) == [stays]
