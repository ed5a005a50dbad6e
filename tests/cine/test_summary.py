"""A loop in words for a person."""

import numpy as np
import pytest

from napari_motionseg.cine import Cine, Subtraction, View
from napari_motionseg.cine.ecg import SignalTrace
from napari_motionseg.cine.summary import summarize_cine

PIXELS = np.random.default_rng(0).integers(0, 255, (4, 10, 12), dtype=np.uint8)


def test_a_summary_holds_no_patient():
    cine = Cine.from_array(
        PIXELS, frame_times=np.arange(4) * 66.7, patient={"PatientName": "Doe^Jane"}
    )
    summary = dict(summarize_cine(cine))
    assert "Doe" not in repr(summary)
    assert summary["Frames"] == "4"
    assert "15 frames/s" in summary["Frame rate"]
    assert summary["Pixel spacing"].startswith("unknown")


def summary_of(**fields):
    times = np.arange(4) * 100.0
    return dict(summarize_cine(Cine.from_array(PIXELS, frame_times=times, **fields)))


def test_times_lengths_and_angles_have_units():
    summary = summary_of(pixel_spacing=(0.5, 0.25), view=View(-30, 20))
    assert summary["Duration"] == "0.4 s"
    assert summary["Frame rate"] == "10 frames/s, 100.0 ms a frame (given)"
    assert summary["Size"] == "10 × 12 px, 5 × 3 mm"
    assert summary["Pixel spacing"] == "0.500 × 0.250 mm (given)"
    assert summary["View angles"] == "RAO 30°, CRA 20°"


def test_without_times_nothing_is_said_of_them():
    summary = dict(summarize_cine(Cine.from_array(PIXELS)))
    assert summary["Duration"].startswith("unknown")
    assert summary["Frame rate"].startswith("unknown")


@pytest.mark.parametrize(
    ("basis", "words"),
    [
        ("ImagerPixelSpacing without magnification", "not the magnification"),
        ("PixelSpacing of a projection, calibration unknown", "was calibrated"),
        ("unknown", "the file gives none"),
        ("something else", "something else"),
    ],
)
def test_why_a_spacing_is_unknown(basis, words):
    said = summary_of(spacing_basis=basis)["Pixel spacing"]
    assert said.startswith("unknown, lengths are in pixels: ")
    assert said.endswith(words)


@pytest.mark.parametrize(
    ("relation", "words"),
    [
        ("LIN", "proportional to the X-ray intensity (LIN)"),
        ("LOG", "logarithm of the X-ray intensity (LOG)"),
        ("DISP", "unknown relation to the X-ray intensity (DISP)"),
        ("ODD", "ODD"),
    ],
)
def test_intensity_in_words(relation, words):
    said = summary_of(intensity_relationship=relation)["Gray values"]
    assert said.startswith("8 bits; ")
    assert said.endswith(words)


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ((), "none"),
        ((Subtraction("NONE"),), "none"),
        ((Subtraction("AVG_SUB", (0,)),), "frame 0 (AVG_SUB)"),
        (
            (Subtraction("AVG_SUB", tuple(range(9))),),
            "mean of frames 0, 1, 2, 3, 4, 5, ... (AVG_SUB)",
        ),
        ((Subtraction("TID", tid_offset=2),), "2 frames earlier (TID)"),
        ((Subtraction("REV_TID", tid_offset=-1),), "1 frame later (REV_TID)"),
    ],
)
def test_the_subtraction_mask_in_words(items, words):
    assert summary_of(subtraction=items)["Subtraction mask"] == words


def test_heart_rate_and_ecg():
    ecg = {"curve 5000": SignalTrace(np.arange(50))}
    summary = summary_of(ecg=ecg, technical={"HeartRate": 72})
    assert summary["Heart rate"] == "72 beats/min (HeartRate)"
    assert summary["ECG"] == "curve 5000 (50 samples, without times)"
    assert "ECG" not in summary_of()
