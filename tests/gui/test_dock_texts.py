"""Texts of the docks are words for people: no name of a class in the code.

A scripted renaming of classes once changed a button from "Look inside" to
"ExplorerRequest inside".
"""

import ast
import re
from pathlib import Path

import pytest
from qtpy.QtWidgets import QAbstractButton, QComboBox, QLabel, QWidget

import napari_motionseg
from napari_motionseg.widgets.cine.dock import CineDock
from napari_motionseg.widgets.embedding.dock import EmbeddingDock
from napari_motionseg.widgets.motion.dock import MotionDock
from napari_motionseg.widgets.project.dock import ProjectDock
from napari_motionseg.widgets.segment.dock import SegmentDock

PACKAGE = Path(napari_motionseg.__file__).parent


def class_names():
    """Names of classes that are no English word: ``LayerChooser``, not ``Row``."""
    names = {
        node.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    return {name for name in names if re.search("[a-z][A-Z]|[A-Z]{2}[a-z]", name)}


def texts_of(dock):
    """All that a dock shows or explains: texts, items and tooltips."""
    for widget in dock.findChildren(QWidget):
        yield widget.toolTip()
        if isinstance(widget, QLabel | QAbstractButton):
            yield widget.text()
        elif isinstance(widget, QComboBox):
            for index in range(widget.count()):
                yield widget.itemText(index)


@pytest.mark.parametrize(
    "kind", [CineDock, MotionDock, EmbeddingDock, ProjectDock, SegmentDock]
)
def test_no_text_of_a_dock_is_the_name_of_a_class(kind, dock, loop_layer):
    texts = [text for text in texts_of(dock(kind)) if text]
    assert len(texts) > 5
    names = class_names()
    assert "LayerChooser" in names
    found = {word for text in texts for word in re.findall(r"\w+", text)} & names
    assert not found
