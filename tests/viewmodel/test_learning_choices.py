"""Choices become the settings of a pretraining and of an adaptation."""

import dataclasses

import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.training import PretrainSettings
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


@pytest.mark.parametrize("side", [16, 32, 48, 64, 2000])
def test_windows_of_any_loop_hold_the_drawn_points(side):
    settings = PretrainChoices().settings("cpu", side)
    assert settings.make_objective().points <= settings.crop**2
    assert settings.crop <= side


def test_it_learns_as_the_command_line_does():
    usual = PretrainSettings.recipe("loops")
    wanted = dataclasses.replace(usual, steps=STEPS)
    assert PretrainChoices().settings("auto", 512) == wanted


def test_settings_of_an_adaptation():
    settings = AdaptationChoices(7).settings("cpu")
    assert settings.training.steps == 7
    assert settings.training.preview_every == PREVIEW_EVERY
    assert settings.training.device == "cpu"


@pytest.mark.parametrize("kind", [PretrainChoices, AdaptationChoices])
def test_a_training_without_steps_is_refused(kind):
    with pytest.raises(SettingsError, match="at least 1; got 0"):
        kind(0)
