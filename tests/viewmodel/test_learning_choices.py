"""Choices become the settings of a pretraining and of an adaptation."""

import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.viewmodel.learning_choices import (
    STEPS,
    AdaptationChoices,
    PretrainChoices,
)
from napari_motionseg.viewmodel.preview_settings import PREVIEW_EVERY


def test_settings_of_a_pretraining():
    usual = PretrainChoices().settings("auto", 512)
    assert usual.steps == STEPS
    assert usual.network.flat_field
    small = PretrainChoices(7).settings("cpu", 48)
    assert (small.steps, small.crop) == (7, 48)
    assert small.crop < usual.crop
    assert small.training.device == small.flow.device == "cpu"


def test_settings_of_an_adaptation():
    settings = AdaptationChoices(7).settings("cpu")
    assert settings.training.steps == 7
    assert settings.training.preview_every == PREVIEW_EVERY
    assert settings.training.device == "cpu"


@pytest.mark.parametrize("kind", [PretrainChoices, AdaptationChoices])
def test_a_training_without_steps_is_refused(kind):
    with pytest.raises(SettingsError, match="at least 1; got 0"):
        kind(0)
