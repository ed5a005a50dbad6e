"""Quantitative angiography: diameters, stenosis, motion and contrast along vessels.

Research use only; not a medical device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.lazy_names import lazy_names

if TYPE_CHECKING:
    from napari_motionseg.measurement.beat_phase import HeartPhase as HeartPhase
    from napari_motionseg.measurement.beat_phase import heart_phase as heart_phase
    from napari_motionseg.measurement.calibration import Calibration as Calibration
    from napari_motionseg.measurement.calibration import (
        calibration_of as calibration_of,
    )
    from napari_motionseg.measurement.catheter import (
        calibration_by_catheter as calibration_by_catheter,
    )
    from napari_motionseg.measurement.centreline import Centreline as Centreline
    from napari_motionseg.measurement.centreline import (
        trace_centreline as trace_centreline,
    )
    from napari_motionseg.measurement.contrast_time import (
        contrast_arrival as contrast_arrival,
    )
    from napari_motionseg.measurement.diameters import (
        DiameterProfile as DiameterProfile,
    )
    from napari_motionseg.measurement.diameters import (
        measure_diameters as measure_diameters,
    )
    from napari_motionseg.measurement.following import FollowedVessel as FollowedVessel
    from napari_motionseg.measurement.following import (
        follow_vessel_job as follow_vessel_job,
    )
    from napari_motionseg.measurement.heartbeat import heart_rate as heart_rate
    from napari_motionseg.measurement.heartbeat import wall_strain as wall_strain
    from napari_motionseg.measurement.stenosis import Lesion as Lesion
    from napari_motionseg.measurement.stenosis import find_lesions as find_lesions
    from napari_motionseg.measurement.stenosis import (
        reference_diameters as reference_diameters,
    )
    from napari_motionseg.measurement.vessel import (
        VesselMeasurement as VesselMeasurement,
    )
    from napari_motionseg.measurement.vessel import measure_vessel as measure_vessel

_PUBLIC = {
    "HeartPhase": "beat_phase",
    "heart_phase": "beat_phase",
    "Calibration": "calibration",
    "calibration_of": "calibration",
    "calibration_by_catheter": "catheter",
    "Centreline": "centreline",
    "trace_centreline": "centreline",
    "contrast_arrival": "contrast_time",
    "DiameterProfile": "diameters",
    "measure_diameters": "diameters",
    "FollowedVessel": "following",
    "follow_vessel_job": "following",
    "heart_rate": "heartbeat",
    "wall_strain": "heartbeat",
    "Lesion": "stenosis",
    "find_lesions": "stenosis",
    "reference_diameters": "stenosis",
    "VesselMeasurement": "vessel",
    "measure_vessel": "vessel",
}
__all__ = [*_PUBLIC]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
