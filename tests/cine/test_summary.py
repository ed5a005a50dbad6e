"""A loop in words for a person."""

import numpy as np

from napari_motionseg.cine import Cine
from napari_motionseg.cine.summary import summarize_cine

PIXELS = np.random.default_rng(0).integers(0, 255, (4, 10, 12), dtype=np.uint8)


def test_a_summary_holds_no_patient():
    cine = Cine.from_array(
        PIXELS, frame_times=np.arange(4) * 66.7, patient={"PatientName": "Doe^Jane"}
    )
    summary = dict(summarize_cine(cine))
    assert "Doe" not in repr(summary)
    assert summary["Frames"] == "4"
    assert "15 frames/s" in summary["Timing"]
    assert summary["Spacing"].startswith("unknown")
