"""napari's preferences of the plugin set variables, unless the user has set them."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from napari_motionseg.io.cache_folder import cache_folder
from napari_motionseg.io.memory_budget import DEFAULT_GIB, LEAST_GIB
from napari_motionseg.widgets.common.plugin_preferences import (
    CATEGORY,
    DEFAULTS,
    MARK,
    PLUGIN,
    VARIABLES,
    activate,
    apply_preferences,
    computing_preferences,
)


def preferences(**changes):
    return SimpleNamespace(**{**DEFAULTS, **changes})


def test_untouched_preferences_change_nothing():
    environment = {"PATH": "/bin"}
    apply_preferences(preferences(cache=" "), environment)
    assert environment == {"PATH": "/bin"}


def test_a_preference_is_set_changed_and_taken_back():
    environment = {}
    apply_preferences(preferences(device="cpu", memory=2.0), environment)
    assert environment == {
        "MOTIONSEG_DEVICE": "cpu", "MOTIONSEG_MEMORY": "2.0",
        MARK: "MOTIONSEG_DEVICE MOTIONSEG_MEMORY",
    }  # fmt: skip
    apply_preferences(preferences(device="mps"), environment)
    assert environment == {"MOTIONSEG_DEVICE": "mps", MARK: "MOTIONSEG_DEVICE"}
    apply_preferences(preferences(), environment)
    assert environment == {}


def test_a_variable_of_the_user_counts_more():
    environment = {"MOTIONSEG_CACHE": "off"}
    apply_preferences(preferences(cache="/big/disk", model="/m.st"), environment)
    assert environment["MOTIONSEG_CACHE"] == "off"
    assert environment["MOTIONSEG_MODEL"] == "/m.st"
    apply_preferences(preferences(), environment)
    assert environment == {"MOTIONSEG_CACHE": "off"}


def test_the_manifest_declares_the_same_preferences():
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution(PLUGIN)
    declared = getattr(manifest.contributions, "configurations", None)
    if not isinstance(declared, dict) or CATEGORY not in declared:
        pytest.skip("this npe2 knows no configurations by key")
    properties = declared[CATEGORY].properties
    assert {name: each.default for name, each in properties.items()} == DEFAULTS
    for name, variable in VARIABLES.items():
        assert variable in properties[name].description
    assert properties["memory"].minimum == LEAST_GIB
    assert DEFAULTS["memory"] == DEFAULT_GIB


@pytest.fixture
def napari_settings(request, monkeypatch):
    """Give napari this plugin alone, and settings in a folder of the test."""
    settings = pytest.importorskip("napari.settings")
    if not hasattr(settings, "get_plugin_settings"):
        pytest.skip("this napari has no preferences of plugins")
    request.getfixturevalue("plugin_settings")
    manager = request.getfixturevalue("npe2pm")
    for variable in (*VARIABLES.values(), MARK):
        monkeypatch.delenv(variable, raising=False)
    from npe2 import PluginManifest

    manager.register(PluginManifest.from_distribution(PLUGIN))
    yield settings
    for variable in (*VARIABLES.values(), MARK):
        os.environ.pop(variable, None)  # `monkeypatch` would put it back in the end


def test_napari_shows_them_and_changes_are_followed(napari_settings, tmp_path):
    found = napari_settings.get_plugin_settings(PLUGIN)
    before = cache_folder()
    activate(None)
    assert cache_folder() == before
    found.computing.cache = str(tmp_path / "elsewhere")
    assert cache_folder() == tmp_path / "elsewhere" / "motionseg-cache"
    found.computing.cache = ""
    assert cache_folder() == before


def test_a_memory_that_is_too_small_is_refused_by_napari(napari_settings):
    found = computing_preferences()
    with pytest.raises(ValueError, match=r"0\.25"):
        found.memory = 0.1


def test_activation_by_npe2_applies_what_was_kept(napari_settings, npe2pm):
    computing_preferences().device = "cpu"
    npe2pm.activate(PLUGIN)
    assert os.environ["MOTIONSEG_DEVICE"] == "cpu"


def test_a_program_without_napari_does_not_import_it():
    code = (
        "import sys; from npe2 import PluginManager; m = PluginManager.instance(); "
        "m.discover(); m.activate('napari-motionseg'); "
        "print(sorted({'napari', 'qtpy', 'torch'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_a_napari_without_preferences_is_fine(monkeypatch):
    import napari.settings

    monkeypatch.delattr(napari.settings, "get_plugin_settings", raising=False)
    assert computing_preferences() is None
    activate(None)
