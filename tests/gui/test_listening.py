"""Layers are heard one at a time, and no longer once the widget is gone."""

import numpy as np
import pytest
from qtpy.QtCore import QObject

from napari_motionseg.widgets.common.listening import HeardLayer


@pytest.fixture
def layers(viewer):
    return [viewer.add_labels(np.zeros((3, 8, 8), np.uint8)) for _ in range(2)]


class Heard:
    """A widget that notes what it hears."""

    def __init__(self):
        self.owner = QObject()
        self.told = []
        self.layer = HeardLayer(self.owner, paint=self.hear, visible=self.hear)

    def hear(self, event):
        self.told.append((event.source, event.type))


def stroke(layer):
    label = int(layer.data.max()) + 1  # another one than before
    layer.data_setitem((np.array([0]), np.array([1]), np.array([1])), label)


def test_one_layer_is_heard_at_a_time(layers):
    first, second = layers
    heard = Heard()
    heard.layer.turn_to(first)
    heard.layer.turn_to(first)
    stroke(first)
    first.visible = False
    stroke(second)
    assert heard.told == [(first, "paint"), (first, "visible")]
    heard.layer.turn_to(second)
    stroke(first)
    stroke(second)
    assert heard.told[2:] == [(second, "paint")]
    heard.layer.turn_to(None)
    stroke(second)
    assert len(heard.told) == 3


def test_a_widget_that_is_gone_hears_nothing(layers, qtbot):
    heard = Heard()
    heard.layer.turn_to(layers[0])
    with qtbot.waitSignal(heard.owner.destroyed):
        heard.owner.deleteLater()
    stroke(layers[0])
    assert heard.told == []
