import dataclasses

import numpy as np
import pydicom
import pytest
from helpers import dicom_files as files

from napari_motionseg.cine import Cine, Subtraction, View
from napari_motionseg.errors import WriteError
from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_writer import write_xa


@pytest.mark.parametrize(("bits", "signed"), [(8, False), (12, False), (16, True)])
def test_what_is_written_is_read(tmp_path, bits, signed):
    pixels = files.gray_frames(frames=3, rows=7, columns=9, bits=bits, signed=signed)
    cine = Cine.from_array(
        pixels,
        frame_times=[0, 66.7, 133.4],
        pixel_spacing=(0.21, 0.22),
        bits_stored=bits,
        window=(3.0, 90.0),
        view=View(-12.5, 30),
        subtraction=(
            Subtraction("AVG_SUB", (0, 1), (1, 2), (0.5, -1.0), contrast_averaging=2),
            Subtraction("TID"),
        ),
        intensity_relationship="LIN",
    )
    write_xa(tmp_path / "a.dcm", cine)
    written = pydicom.dcmread(tmp_path / "a.dcm")
    stored_as = "OB" if bits == 8 else "OW"  # PS3.5, A.2
    assert stored_as == written["PixelData"].VR
    back = read_cine(tmp_path / "a.dcm")
    np.testing.assert_array_equal(back.frames[:], pixels)
    np.testing.assert_allclose(back.frame_times, cine.frame_times)
    assert back.pixel_spacing == pytest.approx((0.21, 0.22))
    assert back.notes == ()
    for name in ("bits_stored", "signed", "view", "subtraction", "window"):
        assert getattr(back, name) == getattr(cine, name), name
    assert back.intensity_relationship == "LIN"


def test_uneven_times_become_a_vector(tmp_path):
    cine = Cine.from_array(files.gray_frames(), frame_times=[0, 30, 80, 110])
    write_xa(tmp_path / "a.dcm", cine)
    back = read_cine(tmp_path / "a.dcm")
    assert back.timing_basis == "FrameTimeVector"
    np.testing.assert_allclose(back.frame_times, [0, 30, 80, 110])


@pytest.mark.parametrize("aspect", [4 / 3, 0.5, 1.0, 2**0.5, 1 / 3.3333, 9.9])
def test_pixels_that_are_not_square_stay_so(tmp_path, aspect):
    pixels = files.gray_frames()
    write_xa(tmp_path / "a.dcm", Cine.from_array(pixels, pixel_aspect=aspect))
    back = read_cine(tmp_path / "a.dcm")
    assert back.pixel_spacing is None
    assert back.pixel_aspect == pytest.approx(aspect, rel=1e-6)


def test_known_millimetres_stand_for_the_aspect(tmp_path):
    cine = Cine.from_array(
        files.gray_frames(), pixel_spacing=(0.3, 0.2), pixel_aspect=1.5
    )
    write_xa(tmp_path / "a.dcm", cine)
    assert "PixelAspectRatio" not in pydicom.dcmread(tmp_path / "a.dcm")
    assert read_cine(tmp_path / "a.dcm").pixel_aspect == pytest.approx(1.5)


@pytest.mark.parametrize("aspect", [0.0, -2.0, float("nan"), float("inf"), 19.0])
def test_an_aspect_that_no_pixel_has_is_refused(tmp_path, aspect):
    cine = Cine.from_array(files.gray_frames(), pixel_aspect=aspect)
    with pytest.raises(WriteError, match="must be a number from"):
        write_xa(tmp_path / "a.dcm", cine)
    assert not (tmp_path / "a.dcm").exists()


def test_the_patient_is_made_up_unless_given(tmp_path, small_cine):
    cine = dataclasses.replace(small_cine, patient={"PatientName": files.PATIENT})
    write_xa(tmp_path / "a.dcm", cine)
    assert b"Doe" not in (tmp_path / "a.dcm").read_bytes()
    write_xa(tmp_path / "b.dcm", cine, patient={"PatientName": files.PATIENT})
    assert read_cine(tmp_path / "b.dcm").patient["PatientName"] == files.PATIENT


def test_extra_attributes_and_unknown_ones(tmp_path, small_cine):
    write_xa(tmp_path / "a.dcm", small_cine, extra={"KVP": 80, "CineRate": 7})
    assert read_cine(tmp_path / "a.dcm").technical["KVP"] == 80
    with pytest.raises(WriteError, match="'KiloVolts' is not the keyword"):
        write_xa(tmp_path / "b.dcm", small_cine, extra={"KiloVolts": 80})
    with pytest.raises(WriteError):
        write_xa(tmp_path / "b.dcm", small_cine, extra={"Rows": "many"})
    assert not (tmp_path / "b.dcm").exists()


def test_pydicom_reads_the_same_pixels(tmp_path, small_cine):
    """An independent reader of what we write."""
    write_xa(tmp_path / "a.dcm", small_cine)
    data = files.reread(tmp_path / "a.dcm")
    np.testing.assert_array_equal(data.pixel_array, small_cine.frames[:])
    assert data.SOPClassUID.name == "X-Ray Angiographic Image Storage"
