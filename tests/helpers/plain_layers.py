"""Provide layers without napari."""

from types import SimpleNamespace

import numpy as np


class PlainLayer:
    """An object with those attributes of an image layer that a session reads."""

    def __init__(self, data, **attributes):
        self.data = data
        self.name = "a layer"
        self.metadata = {}
        self.rgb = False
        self.scale = (1.0, 1.0, 1.0)
        self.units = ("pixel", "pixel", "pixel")
        vars(self).update(attributes)


class PlainLabels:
    """As much of a labels layer as painting on it needs."""

    def __init__(self, data, *, named=True, name="labels"):
        self.data = np.array(data)
        self.name = name
        self.visible = True
        self.metadata = {"classes": ["background", "vessel"]} if named else {}
        self.steps = []  # of undo: whether the layer was visible, and how many pixels
        self.events = SimpleNamespace(paint=self._told)
        self.paints = 0  # how often the layer has told of paint

    @property
    def ndim(self):
        return self.data.ndim

    def _told(self, value):
        self.paints += 1

    def refresh(self):
        """Do nothing: nothing is shown."""

    def data_setitem(self, where, values):
        self.steps.append((self.visible, len(where[0])))
        self.data[where] = values
