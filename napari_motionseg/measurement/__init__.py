"""Quantitative angiography: diameters, stenosis, motion and contrast along vessels.

Research use only; not a medical device.
"""

from napari_motionseg.measurement.calibration import Calibration, calibration_of
from napari_motionseg.measurement.catheter import calibration_by_catheter
from napari_motionseg.measurement.centreline import Centreline, trace_centreline
from napari_motionseg.measurement.contrast_time import contrast_arrival
from napari_motionseg.measurement.diameters import DiameterProfile, measure_diameters
from napari_motionseg.measurement.following import FollowedVessel, follow_vessel_job
from napari_motionseg.measurement.heartbeat import heart_rate, wall_strain
from napari_motionseg.measurement.stenosis import (
    Lesion,
    find_lesions,
    reference_diameters,
)
from napari_motionseg.measurement.vessel import VesselMeasurement, measure_vessel

__all__ = [
    "Calibration",
    "Centreline",
    "DiameterProfile",
    "FollowedVessel",
    "Lesion",
    "VesselMeasurement",
    "calibration_by_catheter",
    "calibration_of",
    "contrast_arrival",
    "find_lesions",
    "follow_vessel_job",
    "heart_rate",
    "measure_diameters",
    "measure_vessel",
    "reference_diameters",
    "trace_centreline",
    "wall_strain",
]
