"""Single frames as TIFF or NumPy files in a folder are one loop."""

import numpy as np
import pytest
import tifffile

from napari_motionseg.io import read_cine, read_cines

WRITERS = {".tif": tifffile.imwrite, ".npy": np.save}


@pytest.fixture
def frames():
    return np.arange(12, dtype=np.uint16)[:, None, None] * np.full(
        (12, 9, 8), 100, "u2"
    )


@pytest.mark.parametrize("suffix", WRITERS)
def test_single_frames_of_a_folder_are_one_loop(tmp_path, frames, suffix):
    for t, frame in enumerate(frames):
        WRITERS[suffix](tmp_path / f"f{t}{suffix}", frame)
    cine = read_cine(tmp_path)
    np.testing.assert_array_equal(cine.frames[:], frames)
    assert cine.bits_stored == 12  # of the brightest frame
    assert cine.name == tmp_path.name


def test_each_folder_is_a_loop_and_stacks_stay_apart(tmp_path, frames):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for t, frame in enumerate(frames[:3]):
            np.save(tmp_path / name / f"{t}.npy", frame)
    np.save(tmp_path / "stack.npy", frames)
    found = {cine.name: len(cine) for cine in read_cines(tmp_path)}
    assert found == {"stack": 12, "a": 3, "b": 3}
