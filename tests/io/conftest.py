import pytest
from helpers import dicom_files as files

from napari_motionseg.io import read_cine


@pytest.fixture
def cine_with(tmp_path):
    """Write and read a loop with other attributes."""

    def make(frames=4, pixels=None, bits=None, **attributes):
        if pixels is None:
            pixels = files.gray_frames(frames)
        data = files.xa_dataset(pixels, bits, **attributes)
        return read_cine(files.save(data, tmp_path / "loop.dcm"))

    return make
