"""Provide image layers without napari."""


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
