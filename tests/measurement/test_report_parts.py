"""Measurements as coded parts of a report."""

import dataclasses

import numpy as np
import pytest
from pydicom.sr.codedict import codes

from napari_motionseg.cine import Cine
from napari_motionseg.io.dicom_report import UNITS
from napari_motionseg.measurement import measure_vessel
from napari_motionseg.measurement.calibration import (
    Calibration,
    calibration_by_object,
)
from napari_motionseg.measurement.report_parts import report_parts
from napari_motionseg.synthesis.vessel_phantom import vessel_phantom


@pytest.fixture(scope="module")
def measured():
    phantom = vessel_phantom(radius=5.0, depth=0.5, noise=0.004, size=112)
    cine = Cine.from_array(
        np.clip([phantom.frame], 0, 1), pixel_spacing=(0.2, 0.2),
        intensity_relationship="LOG",
    )  # fmt: skip
    return measure_vessel(cine, 0, phantom.ends())


def recalibrated(measured, calibration):
    profile = dataclasses.replace(measured.profile, calibration=calibration)
    return dataclasses.replace(measured, profile=profile)


def by_concept(part):
    return {(n.concept[1], n.derivation and n.derivation[1]): n for n in part.numbers}


def test_a_vessel_and_its_lesion(measured):
    whole, lesion = report_parts(measured, 2)
    assert (whole.name, lesion.name) == ("vessel 2", "vessel 2, lesion 1")
    assert whole.vessel == lesion.vessel == 2
    (found,) = measured.lesions
    numbers = by_concept(lesion)
    assert numbers["VesselLumenDiameter", "Minimum"].value == found.mld
    assert numbers["VesselLumenDiameter", None].value == found.rvd
    assert numbers["VesselLumenDiameter", None].method[1] == "CurveFittedReference"
    stenosis = numbers["LumenDiameterStenosis", None]
    assert stenosis.value == pytest.approx(50, abs=3)
    sd = measured.profile.uncertainty[found.smallest]
    assert stenosis.sd == pytest.approx(100 * sd / found.rvd)
    assert len(lesion.line) == found.end - found.start + 1 < len(whole.line)


def test_every_code_and_unit_is_known(measured):
    calibrations = (
        measured.profile.calibration, Calibration(),
        calibration_by_object(2, 10, "catheter 6F"),
        calibration_by_object(10, 50, "sphere"),
        calibration_by_object(10, 50, "object of 10 mm"),
    )  # fmt: skip
    answers = []
    for calibration in calibrations:
        for part in report_parts(recalibrated(measured, calibration)):
            terms = [part.finding, *(t for pair in part.answers for t in pair)]
            for number in part.numbers:
                assert number.unit in UNITS
                terms += [number.concept, number.derivation, number.method]
            for scheme, keyword in filter(None, terms):
                assert getattr(getattr(codes, scheme), keyword).value
            answers += [answer[1] for _, answer in part.answers]
    assert answers == [
        "GeometricIsocenter", "CalibrationObjectUsed", "Catheter",
        "CalibrationObjectUsed", "Sphere", "CalibrationObjectUsed", "MeasuringRuler",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["interpolated local", "mean local"])
def test_the_reference_is_named(measured, name):
    changed = dataclasses.replace(measured, reference_method=name)
    methods = [n.method for n in report_parts(changed)[1].numbers if n.method]
    assert ("DCM", name.title().replace(" ", "") + "Reference") in methods
