"""Choices of a training in the window, and the settings that they stand for."""

import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.segmentation import FinetuneSettings
from napari_motionseg.segmentation.flow_propagation import CarrySettings
from napari_motionseg.viewmodel.preview_settings import PREVIEW_EVERY
from napari_motionseg.viewmodel.training_choices import TrainingChoices


@pytest.mark.parametrize("recipe", ["quick", "tuned", "paper"])
def test_without_further_choices_the_recipe_holds(recipe):
    settings = TrainingChoices(recipe).settings()
    wanted = FinetuneSettings.recipe(recipe)
    assert settings.training.preview_every == PREVIEW_EVERY
    assert settings.steps == wanted.steps
    assert settings.growth == wanted.growth
    assert settings.carry is None


def test_a_number_of_steps_holds_however_much_is_labelled():
    settings = TrainingChoices(steps=7).settings()
    assert [settings.steps_for(frames) for frames in (1, 9)] == [7, 7]


def test_labels_are_carried_where_that_is_chosen():
    assert TrainingChoices(carry=True).settings().carry == CarrySettings()


@pytest.mark.parametrize("steps", [0, -3])
def test_steps_below_one_are_refused(steps):
    with pytest.raises(SettingsError, match=f"steps must be at least 1.*{steps}"):
        TrainingChoices(steps=steps)


def test_a_recipe_that_there_is_not_is_refused():
    with pytest.raises(SettingsError, match="fast"):
        TrainingChoices("fast").settings()
