from __future__ import annotations

import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.models import UNetConfig
from napari_motionseg.models.light_propagation_config import LightPropagationConfig


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bins": 4}, "bins must be an odd integer"),
        ({"limit": 0}, "limit must be positive"),
        ({"rounds": 0}, "rounds must be a positive integer"),
        ({"strides": ()}, "strides must be one or more"),
        ({"cell": 4}, "cell must be 8 px"),
        ({"encoder": UNetConfig(depth=3)}, "depth of at least 4"),
    ],
)
def test_impossible_shapes_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        LightPropagationConfig(**changes)
