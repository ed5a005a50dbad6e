"""Small loops that every room's tests share; made once a session."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from napari_motionseg.cine import Cine


@pytest.fixture(scope="session", autouse=True)
def no_cache_of_the_user():
    """Keep what tests estimate out of the user's cache, child processes included."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTIONSEG_CACHE", "off")
        yield


@pytest.fixture(scope="session", autouse=True)
def no_preferences_of_the_user():
    """Test with the device, the memory and the network that the program chooses."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DEVICE", "MEMORY", "MODEL", "FROM_PREFERENCES"):
            patch.delenv(f"MOTIONSEG_{name}", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_projects_of_the_user(tmp_path_factory):
    """Keep what tests paint out of the user's list of unsaved work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTIONSEG_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _variables_are_left_as_they_were():
    """Let no preference that a test has set hold in those after it."""
    before = {k: v for k, v in os.environ.items() if k.startswith("MOTIONSEG_")}
    yield
    for name in [k for k in os.environ if k.startswith("MOTIONSEG_")]:
        if name not in before:
            del os.environ[name]
    os.environ.update(before)


@pytest.fixture(autouse=True)
def _threads_are_left_as_they_were():
    """Let no test change how many threads torch computes with in those after it.

    Two test processes with two threads each wait for one another in busy loops, which
    has cost more processor time than all else.
    """
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    yield
    if torch and torch.get_num_threads() != before:
        torch.set_num_threads(before)


@pytest.fixture(scope="session")
def synthetic():
    """A synthetic angiogram of 8 frames of 96 x 96 with masks and exact flow."""
    from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine

    return synthesize_cine(SynthesisConfig(size=96, frames=8), seed=7)


@pytest.fixture(scope="session")
def small_cine(synthetic) -> Cine:
    """The loop of `synthetic`."""
    return synthetic.cine


@pytest.fixture(scope="session")
def noise_cine() -> Cine:
    """Eight frames of noise, 72 x 80: for what does not look at the picture."""
    pixels = np.random.default_rng(0).integers(0, 256, (8, 72, 80), dtype=np.uint8)
    return Cine.from_array(pixels, frame_times=np.arange(8) * 66.7)


@pytest.fixture(scope="session")
def write_damaged():
    """Write a loop run-length encoded, some frames of which are blank bytes."""

    def write(path, cine, damaged):
        from pydicom import dcmread
        from pydicom.encaps import encapsulate
        from pydicom.pixels.encoders import RLELosslessEncoder
        from pydicom.uid import RLELossless

        from napari_motionseg.io.dicom_writer import write_xa

        write_xa(path, cine)
        data = dcmread(path)
        streams = [
            RLELosslessEncoder.encode(frame.tobytes(), index=0, **_described(data))
            for frame in np.asarray(cine.frames)
        ]
        for t in damaged:
            streams[t] = bytes(len(streams[t]))
        data.PixelData = encapsulate(streams, has_bot=False)
        data["PixelData"].VR = "OB"
        data.file_meta.TransferSyntaxUID = RLELossless
        data.save_as(path, enforce_file_format=True)
        return path

    return write


def _described(data):
    return {
        "rows": data.Rows,
        "columns": data.Columns,
        "samples_per_pixel": 1,
        "bits_allocated": data.BitsAllocated,
        "bits_stored": data.BitsStored,
        "pixel_representation": data.PixelRepresentation,
        "number_of_frames": 1,
        "photometric_interpretation": data.PhotometricInterpretation,
    }


@pytest.fixture(scope="session")
def damaged_file(tmp_path_factory, small_cine, write_damaged):
    """The loop of `synthetic` in a file; frames 2 and 5 of 8 cannot be decoded."""
    path = tmp_path_factory.mktemp("damaged") / "damaged.dcm"
    return write_damaged(path, small_cine, [2, 5])


@pytest.fixture
def damaged_cine(damaged_file):
    """The loop of `damaged_file`, opened anew."""
    from napari_motionseg.io import read_cine

    return read_cine(damaged_file)
