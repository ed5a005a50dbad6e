"""Temporary files of a job lie in the folder that it was given."""

import os
import tempfile

from napari_motionseg.jobs import Progress, run
from napari_motionseg.viewmodel.job_folder import job_in_folder


def a_file_name():
    """Say where a temporary file would go; for the test below."""
    yield Progress(0, 1)
    return tempfile.gettempdir(), os.environ["TMPDIR"]


def test_a_job_in_this_process_gives_the_temporary_folder_back(tmp_path, monkeypatch):
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", "/before")
    assert run(job_in_folder(tmp_path, a_file_name)) == (str(tmp_path),) * 2
    assert tempfile.tempdir == "/before"
    assert "TMPDIR" not in os.environ
