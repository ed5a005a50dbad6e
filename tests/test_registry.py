import sys

import pytest

from napari_motionseg.errors import MissingDependencyError, SettingsError
from napari_motionseg.registry import Registry, RegistryEntry

LETTERS = Registry(
    "letter kind",
    {
        "lower": RegistryEntry("string:ascii_lowercase", "small ones"),
        "upper": RegistryEntry("string:ascii_uppercase"),
        "absent": RegistryEntry("no_such_library.part:thing", extra="letters"),
        "broken": RegistryEntry("no_such_library:thing"),
    },
)


def test_a_registry_lists_its_choices_and_loads_nothing():
    assert list(LETTERS) == ["lower", "upper", "absent", "broken"]
    assert len(LETTERS) == 4
    assert LETTERS.default == "lower"
    assert LETTERS["lower"].summary == "small ones"
    assert "upper" in LETTERS
    assert "Upper" not in LETTERS
    assert "no_such_library" not in sys.modules


def test_a_choice_is_imported_when_asked_for():
    assert LETTERS.load("upper") == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def test_a_typo_is_answered_with_the_nearest_name_and_the_list():
    words = (
        r"unknown letter kind 'uper' \(did you mean 'upper'\?\); choices: lower, upper"
    )
    with pytest.raises(SettingsError, match=words):
        LETTERS.load("uper")
    with pytest.raises(SettingsError, match="unknown letter kind 'xyz'; choices"):
        LETTERS["xyz"]


def test_an_absent_library_is_answered_with_what_to_install():
    words = r"needs 'no_such_library'.*pip install 'napari-motionseg\[letters\]'"
    with pytest.raises(MissingDependencyError, match=words):
        LETTERS.load("absent")


def test_a_choice_without_an_extra_fails_as_what_it_is():
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        LETTERS.load("broken")


def test_registries_know_no_default_get_for_a_typo():
    with pytest.raises(SettingsError):
        LETTERS.get("typo")
