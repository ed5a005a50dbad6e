"""Presets that trained the networks that ship stay as they were."""

import pytest

from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.synthesis.presets import PRESETS

TRAINED_ON = {
    "xa-coronary": {
        "heart_motion": (0.2, 1.2), "breathing": (0.0, 1.5), "table_pan": (0.0, 40.0),
        "opacity": (0.2, 1.0), "noise": (0.0, 1.6), "tortuosity": (0.05, 1.0),
    },
    "generic-layers": {
        "scene": "layers", "heart_motion": (0.2, 1.5), "contrast": (0.3, 0.6),
        "noise": (0.0, 1.5),
    },
    "rotating-cube": {
        "scene": "cube", "heart_motion": (0.8, 1.2), "contrast": (0.4, 0.6),
        "collimator": 0.0, "noise": (0.0, 0.3),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", TRAINED_ON)
def test_it_is_what_networks_were_trained_on(name):
    assert SynthesisConfig.preset(name) == SynthesisConfig(**TRAINED_ON[name])


@pytest.mark.parametrize("name", [n for n in PRESETS if n not in TRAINED_ON])
def test_others_are_territories_of_their_name(name):
    assert SynthesisConfig.preset(name).anatomy == name.removeprefix("xa-")
