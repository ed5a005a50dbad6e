"""Loops on disk, and the command called in this process."""

import json

import numpy as np
import pytest

from napari_motionseg.cli.app import execute
from napari_motionseg.io.dicom_writer import write_xa


class Answer:
    """Exit code and what was printed."""

    def __init__(self, code, captured):
        self.code = code
        self.out = captured.out
        self.err = captured.err

    @property
    def rows(self):
        """The JSON objects on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def motionseg(capsys):
    """Run the command: ``motionseg("info", path)``."""

    def call(*words):
        capsys.readouterr()
        code = execute([str(word) for word in words])
        return Answer(code, capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def loop_file(tmp_path_factory, small_cine):
    """A DICOM loop of 8 frames of 96 x 96."""
    path = tmp_path_factory.mktemp("loops") / "loop.dcm"
    write_xa(path, small_cine)
    return path


@pytest.fixture(scope="session")
def label_file(tmp_path_factory, synthetic):
    """Masks of the loop, frame 6 labelled."""
    path = tmp_path_factory.mktemp("labels") / "labels.npz"
    labelled = np.arange(len(synthetic.cine)) == 6
    np.savez(path, labels=synthetic.masks.astype(np.uint8), labelled=labelled)
    return path
