"""Numbers of labels on the screen, in files and in projects."""

import numpy as np
import pytest

from napari_motionseg.io.label_numbers import (
    BACKGROUND,
    CLASSES,
    IMPLIED_BACKGROUND,
    from_project,
    has_screen_numbers,
    of_target,
    to_file,
    to_project,
    to_target,
    without_background,
)
from napari_motionseg.io.labels import Labels

SCREEN = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)


def slow_file(label):
    """The number of one label in a file, spelled out."""
    if label == 0:
        return 0
    return 1 if label in (BACKGROUND, IMPLIED_BACKGROUND) else label + 1


def test_a_file_of_scribbles_has_the_numbers_of_labels():
    written = to_file(SCREEN)
    expected = [slow_file(int(label)) for label in SCREEN.ravel()]
    assert written.ravel().tolist() == expected
    labels = Labels.from_painted(written, "scribbles")
    np.testing.assert_array_equal(labels.target(0), to_target(SCREEN)[0])


def test_targets_come_back_as_labels():
    targets = np.arange(-1, 5)
    assert of_target(targets).tolist() == [0, BACKGROUND, 1, 2, 3, 4]
    np.testing.assert_array_equal(to_target(of_target(targets)), targets)


def test_nothing_is_lost_in_a_project():
    np.testing.assert_array_equal(from_project(to_project(SCREEN)), SCREEN)
    assert to_project(SCREEN, np.int32).dtype == np.int32


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_a_project_of_an_older_version_has_other_numbers(dtype):
    stored = np.zeros((2, 6, 6), dtype)
    stored[0, 0, :3] = [1, 2, 3]  # background, vessel, a third class
    stored[1] = 1  # a corrected frame was filled with background
    stored[1, 2, 2] = 2
    labels = from_project(stored)
    assert labels[0, 0].tolist() == [BACKGROUND, 1, 2, 0, 0, 0]
    assert labels[1, 2, 2] == 1
    assert (np.delete(labels[1].ravel(), 14) == IMPLIED_BACKGROUND).all()
    np.testing.assert_array_equal(from_project(stored[0]), labels[0])


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [({"classes": ["background", "vessel"]}, True), ({}, False),
     ({"classes": {"1": "vessel"}}, False), ({"classes": [1, 2]}, False),
     ({"classes": "vessel"}, False)],
)  # fmt: skip
def test_docks_name_the_classes_of_their_labels(metadata, expected):
    assert has_screen_numbers(metadata) is expected


def test_background_counts_as_unpainted_where_the_screens_numbers_are():
    labels = np.array([[0, 1, 2], [253, IMPLIED_BACKGROUND, BACKGROUND]])
    found = without_background(labels, {CLASSES: ["vessel"]})
    np.testing.assert_array_equal(found, [[0, 1, 2], [253, 0, 0]])
    np.testing.assert_array_equal(without_background(labels, {}), labels)
