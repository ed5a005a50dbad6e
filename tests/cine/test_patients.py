"""Loops of the same patient are told by what files say of them."""

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.cine.patients import patient_key


def key(**patient):
    pixels = np.zeros((2, 4, 4), np.uint8)
    return patient_key(Cine.from_array(pixels, patient=patient))


def test_the_identifier_counts_before_the_study():
    assert key(PatientID="7", StudyInstanceUID="1.2") == key(PatientID=" 7 ")
    assert key(PatientID="7") != key(PatientID="8")
    assert key(StudyInstanceUID="1.2") != key(StudyInstanceUID="1.3")
    assert key(StudyInstanceUID="7") != key(PatientID="7")
    assert key(PatientID="", StudyInstanceUID="1.2") == key(StudyInstanceUID="1.2")
    assert key() is None


@pytest.mark.parametrize("name", ["SYNTHETIC", "Anonymous", "unknown", "0"])
def test_placeholders_say_nothing(name):
    assert key(PatientID=name) is None
    first, second = (key(PatientID=name, StudyInstanceUID=u) for u in ("1.2", "1.3"))
    assert first != second
