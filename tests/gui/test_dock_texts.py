"""Texts of the docks are words for people: no name of a class in the code.

A scripted renaming of classes once changed a button from "Look inside" to
"ExplorerRequest inside".
"""

import ast
import re
from pathlib import Path

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QComboBox, QLabel, QWidget

import napari_motionseg
from napari_motionseg.widgets.cine.dock import CineDock
from napari_motionseg.widgets.common.dock_layout import LEAST_WIDTH
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


# words that a cardiologist or a torch user has to guess, and what is said instead
GUESSED = {
    "there and back": "forward-backward error", "brought back": "warped frame",
    "left over": "residual", "like the anchor": "similarity to the anchor",
    "a neighbour": "similarity to the shifted map", "re-roll": "new projection",
    "one is enough": "none", "look inside": "embedding", "looked into": "embedding",
    "sureness": "confidence", "go along": "follow the flow", "likes": "activation",
    "beside it": "compare with", "look at it": "views", "hidden": "occluded",
    "both ways": "backward flow",
}  # fmt: skip


@pytest.mark.parametrize("kind", [MotionDock, EmbeddingDock])
def test_texts_are_the_field_s(kind, dock, loop_layer):
    widget = dock(kind)
    items = [
        str(box.itemData(index, Qt.ItemDataRole.ToolTipRole))
        for box in widget.findChildren(QComboBox)
        for index in range(box.count())
    ]
    texts = [text.lower() for text in (*texts_of(widget), *items)]
    found = [(text, word) for text in texts for word in GUESSED if word in text]
    assert not found


@pytest.mark.parametrize("kind", [MotionDock, EmbeddingDock])
def test_a_dock_stays_narrow_with_all_its_folds_open(kind, dock, loop_layer):
    widget = dock(kind)
    assert widget.folds
    for fold in widget.folds:
        fold.open()
    bar = widget.verticalScrollBar().sizeHint().width()
    assert widget.widget().minimumSizeHint().width() + bar <= LEAST_WIDTH


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
