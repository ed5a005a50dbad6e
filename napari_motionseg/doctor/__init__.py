"""Examine this installation: versions, devices, decoders, window, space, self-test."""

from napari_motionseg.doctor.examination import PARTS, Examination, examine_job
from napari_motionseg.doctor.findings import Finding

__all__ = ["PARTS", "Examination", "Finding", "examine_job"]
