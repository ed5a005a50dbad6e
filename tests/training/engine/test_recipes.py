"""Recipes of all trainings, and changes of fields within settings."""

from dataclasses import dataclass

import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.segmentation.settings import FinetuneSettings
from napari_motionseg.training.engine.recipes import find_recipe, with_changes
from napari_motionseg.training.flow.composed_pairs import AdaptationSettings
from napari_motionseg.training.flow.settings import FlowTrainingSettings
from napari_motionseg.training.masks.settings import MaskTrainingSettings
from napari_motionseg.training.pretrain.settings import PretrainSettings

RECIPES = {
    FlowTrainingSettings: ("cpu",),
    AdaptationSettings: ("cpu",),
    MaskTrainingSettings: ("cameras", "quiet"),
    PretrainSettings: ("paper", "exact", "loops"),
    FinetuneSettings: ("paper", "tuned", "quick"),
}


@pytest.mark.parametrize("kind", RECIPES)
def test_the_first_recipe_is_what_the_class_has_by_default(kind):
    assert kind() == kind.recipe(RECIPES[kind][0])
    for name in RECIPES[kind]:
        assert isinstance(kind.recipe(name), kind)
    assert len({repr(kind.recipe(name)) for name in RECIPES[kind]}) == len(
        RECIPES[kind]
    )


@pytest.mark.parametrize("kind", RECIPES)
def test_an_unknown_recipe_is_answered_with_the_choices(kind):
    with pytest.raises(SettingsError, match=f"'coc'.*{RECIPES[kind][-1]}"):
        kind.recipe("coc")


@dataclass(frozen=True)
class Inner:
    low: int = 1
    high: int = 2

    def __post_init__(self):
        if self.low > self.high:
            raise SettingsError(f"low must be at most high; got {self.low}")


@dataclass(frozen=True)
class Outer:
    inner: Inner = Inner()
    name: str = "a"


def test_changes_reach_nested_settings_and_leave_the_rest():
    before = Outer()
    after = with_changes(before, {"inner.high": 9, "name": "b"})
    assert after == Outer(Inner(1, 9), "b")
    assert before == Outer()
    assert with_changes(before, {}) == before


def test_changes_are_made_at_once():
    """Alone, the first of them would not be valid."""
    assert with_changes(Outer(), {"inner.low": 5, "inner.high": 6}).inner == Inner(5, 6)
    with pytest.raises(SettingsError, match="low must be at most high; got 5"):
        with_changes(Outer(), {"inner.low": 5})


def test_a_recipe_is_made_when_it_is_asked_for():
    assert find_recipe("b", {"a": lambda: 1 / 0, "b": lambda: 2}) == 2


@pytest.mark.parametrize(
    ("changes", "side"),
    [({}, 512), ({"crop": 64}, 512), ({"largest_crop": 448}, 512),
     ({"largest_crop": 512}, 576), ({"crop": 640}, 704),
     ({"largest_crop": 512, "pair_size": 600}, 600)],
)  # fmt: skip
def test_pairs_hold_the_largest_windows(changes, side):
    assert FlowTrainingSettings().with_changes(changes).pair_size == side
