"""Tell which loops belong to the same patient."""

from __future__ import annotations

from napari_motionseg.cine.cine import Cine

# the study stands for the patient if a file has no identifier; DICOM PS3.3 C.7.1.1
PATIENT_ATTRIBUTES = ("PatientID", "StudyInstanceUID")
# written for all patients by tools that remove identities, and for synthetic loops
PLACEHOLDERS = frozenset(
    {"0", "anon", "anonymized", "anonymised", "anonymous", "none", "synthetic",
     "unknown"}
)  # fmt: skip


def patient_key(cine: Cine) -> str | None:
    """Return a text that is equal for loops of the same patient.

    The text may identify the patient: compare it, but never show or store it.

    Parameters
    ----------
    cine
        Loop of any source.

    Returns
    -------
    str or None
        The patient's identifier, else that of the study; None if both are unknown.
        Identifiers such as ``"ANONYMOUS"`` say nothing.
    """
    for name in PATIENT_ATTRIBUTES:
        value = str(cine.patient.get(name) or "").strip()
        if value and value.lower() not in PLACEHOLDERS:
            return f"{name} {value}"
    return None
