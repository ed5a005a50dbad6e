"""Measured vessels on the page of a run."""

import dataclasses
import re

import numpy as np

from napari_motionseg.cine import Cine
from napari_motionseg.jobs import run
from napari_motionseg.measurement import Calibration, follow_vessel_job, measure_vessel
from napari_motionseg.measurement.loop_numbers import loop_numbers
from napari_motionseg.measurement.loop_vessel import LoopVessel
from napari_motionseg.motion import FlowSequence
from napari_motionseg.report.page import render_report
from napari_motionseg.synthesis.vessel_phantom import vessel_phantom


def test_the_page_has_a_row_and_figures_for_each_vessel(report):
    phantom = vessel_phantom(radius=5.0, depth=0.5, noise=0.004, size=112)
    cine = Cine.from_array(
        np.clip([phantom.frame] * 3, 0, 1), intensity_relationship="LOG"
    )
    hostile = Calibration(0.2, 0.2, "<b>ruler</b>\x1b", True)
    found = measure_vessel(cine, 0, phantom.ends(), calibration=hostile)
    still = np.zeros((2, 2, 112, 112), np.float32)
    flow = FlowSequence(still, still, 1, "exact")
    followed = run(follow_vessel_job(cine, flow, 0, found.profile.line, hostile))
    vessels = (
        LoopVessel(1, found),
        LoopVessel(3, found, followed, loop_numbers(cine, followed)),
    )
    page = render_report(dataclasses.replace(report, vessels=vessels))
    section = page[page.index("Measured vessels") :]
    assert re.findall(r"<td class=\"right\">(\d) *</td>", section)[::2] == ["1", "3"]
    assert section.count(f"{found.lesions[0].mld:.2f} mm") == 2
    assert section.count("data:image/png") >= 3
    assert "Frame times are unknown" in section
    assert "<b>ruler" not in page
    assert "\x1b" not in page
    assert "Measured vessels" not in render_report(report)
