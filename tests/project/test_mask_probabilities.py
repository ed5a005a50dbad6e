"""Probabilities of masks in a project: whole, small, checked, and moved along."""

import numpy as np
import pytest

from napari_motionseg.errors import ReadError
from napari_motionseg.project import LayerRecord, LoopRecord, Project
from napari_motionseg.project.mask_probabilities import (
    LEAST,
    MOST,
    MaskProbabilities,
    file_of,
    read_probabilities,
    store_probabilities,
)
from napari_motionseg.project.opening import open_project

SHAPE = (3, 8, 9)


@pytest.fixture
def known():
    rng = np.random.default_rng(0)
    return MaskProbabilities(
        rng.random(SHAPE).astype(np.float16),
        rng.integers(1, 3, SHAPE, dtype=np.uint8),
        np.array([False, True, False]),
    )


def test_every_threshold_gives_the_same_masks(tmp_path, known):
    store_probabilities(tmp_path, 3, known)
    read = read_probabilities(tmp_path, 3, SHAPE)
    for threshold in np.linspace(LEAST, MOST, 97):
        np.testing.assert_array_equal(
            read.probabilities >= threshold, known.probabilities >= threshold
        )
    np.testing.assert_array_equal(read.likeliest, known.likeliest)
    np.testing.assert_array_equal(read.confirmed, known.confirmed)
    read.probabilities[0] = 0  # they go on being changed


def test_a_project_without_them_opens(tmp_path):
    assert read_probabilities(tmp_path, 3, SHAPE) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"probabilities": np.zeros((3, 8, 8), np.float16)}, "of shape"),
        ({"probabilities": np.zeros(SHAPE, np.float32)}, "of type float32|and type"),
        ({"probabilities": np.full(SHAPE, np.nan, np.float16)}, "not finite"),
        ({"likeliest": np.zeros(SHAPE, object)}, "objects|damaged|type"),
        ({"confirmed": np.zeros(4, bool)}, "of shape"),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(tmp_path, known, changes, words):
    file = file_of(tmp_path, 3)
    file.parent.mkdir()
    arrays = {
        "probabilities": known.probabilities, "likeliest": known.likeliest,
        "confirmed": known.confirmed,
    }  # fmt: skip
    np.savez(file, **(arrays | changes))
    with pytest.raises(ReadError, match=words):
        read_probabilities(tmp_path, 3, SHAPE)


def test_damage_links_and_absurd_sizes(tmp_path, known):
    store_probabilities(tmp_path, 3, known)
    whole = file_of(tmp_path, 3).read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        file_of(tmp_path, 3).write_bytes(whole[:size])
        with pytest.raises(ReadError):
            read_probabilities(tmp_path, 3, SHAPE)
    with pytest.raises(ReadError, match="memory budget"):
        read_probabilities(tmp_path, 3, SHAPE, memory_budget=10)
    file_of(tmp_path, 4).symlink_to(file_of(tmp_path, 3))
    assert read_probabilities(tmp_path, 4, SHAPE) is None


@pytest.fixture
def project(tmp_path, known):
    made = Project.create(tmp_path / "a")
    manifest = made.manifest.with_loop(LoopRecord(1, "loop", "", SHAPE))
    masks = LayerRecord(2, 1, "loop masks", "masks", SHAPE, "uint8")
    made.update(manifest.with_layer(masks))
    made.add_probabilities(2, known)
    yield made
    made.close()


def test_they_move_with_the_project_and_go_with_their_layer(project, tmp_path):
    before = project.folder
    project.move(tmp_path / "b")
    assert not before.exists()
    assert file_of(project.folder, 2).is_file()
    project.drop_probabilities(2)
    project.drop_probabilities(2)
    assert not file_of(project.folder, 2).exists()


def test_damaged_ones_are_noted_and_the_project_opens(project, known):
    folder = project.folder
    project.close()
    opened = open_project(folder, read_only=True)
    opened.read_probabilities()
    np.testing.assert_array_equal(opened.probabilities[2].confirmed, known.confirmed)
    file_of(folder, 2).write_bytes(b"no")
    opened = open_project(folder, read_only=True)
    opened.read_probabilities()
    assert opened.probabilities == {}
    assert "no threshold changes them" in opened.project.notes[-1]
