"""Each dock of the manifest, opened alone, saves what is painted."""

from pathlib import Path

import numpy as np
import pytest
from helpers.patience import LONG
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name

import napari_motionseg
from napari_motionseg.contributions import cine_layer, geometry
from napari_motionseg.project import Project

MANIFEST = PluginManifest.from_file(
    Path(napari_motionseg.__file__).with_name("napari.yaml")
)
COMMANDS = {c.id: c.python_name for c in MANIFEST.contributions.commands}
DOCKS = [
    COMMANDS[w.command]
    for w in MANIFEST.contributions.widgets
    if COMMANDS[w.command].endswith("Dock")  # "Open all" is a command in disguise
]


pytestmark = pytest.mark.usefixtures("own_state")


def test_the_manifest_lists_all_docks():
    folder = Path(napari_motionseg.__file__).with_name("widgets")
    assert len(DOCKS) == len(list(folder.glob("*/dock.py"))) > 0


@pytest.mark.parametrize("name", DOCKS)
def test_a_stroke_is_saved_by_whichever_dock_is_open(
    name, viewer, dock, noise_cine, qtbot
):
    data, attributes, _ = cine_layer(noise_cine)
    viewer.add_image(data, **attributes)
    controller = dock(import_python_name(name)).controller
    pixels = np.zeros(noise_cine.shape, np.uint8)
    painting = viewer.add_labels(pixels, name="strokes", **geometry(noise_cine))
    painting.data_setitem((np.array([3]), np.array([20]), np.array([30])), 1)
    qtbot.waitUntil(lambda: controller.status.state == "saved", timeout=LONG)
    assert controller.flush()
    saved = Project.open(controller.project.folder, read_only=True)
    (record,) = saved.manifest.layers
    np.testing.assert_array_equal(saved.read_layers()[record.number], painting.data)
