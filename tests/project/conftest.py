"""A project in a folder, a loop on disk, labels to paint on."""

import numpy as np
import pytest

from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.project import Autosaver, Project
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop


@pytest.fixture
def project(tmp_path):
    made = Project.create(tmp_path / "work.motionseg")
    yield made
    made.close()


@pytest.fixture
def labels(noise_cine):
    return np.zeros(noise_cine.shape, np.uint8)


@pytest.fixture
def loop_file(tmp_path, small_cine):
    path = tmp_path / "data" / "loop.dcm"
    path.parent.mkdir()
    write_xa(path, small_cine)
    return path


@pytest.fixture
def autosaver(project):
    saver = Autosaver(project)
    yield saver
    saver.close()


@pytest.fixture
def painting(noise_cine, labels):
    """The labels of a loop from no file, as an autosaver watches them."""
    loop = WatchedLoop("loop", noise_cine, "noise")
    return WatchedLayer("labels", loop, "labels", "noise labels", lambda: labels)
