"""Few-shot segmentation of X-ray angiography cine loops, taught by motion.

The names in ``__all__`` are the public API; ``docs/api.md`` describes it. They stay
compatible within a major version. Everything else may change in any release.

Research use only; not a medical device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.lazy_names import lazy_names
from napari_motionseg.version import __version__

if TYPE_CHECKING:
    from napari_motionseg.cine import Cine as Cine
    from napari_motionseg.embedding import embed_frame as embed_frame
    from napari_motionseg.embedding import random_projection as random_projection
    from napari_motionseg.embedding import similarity_map as similarity_map
    from napari_motionseg.errors import CheckpointError as CheckpointError
    from napari_motionseg.errors import LabelError as LabelError
    from napari_motionseg.errors import MeasurementError as MeasurementError
    from napari_motionseg.errors import MissingDependencyError as MissingDependencyError
    from napari_motionseg.errors import MotionError as MotionError
    from napari_motionseg.errors import MotionSegError as MotionSegError
    from napari_motionseg.errors import PartialReadWarning as PartialReadWarning
    from napari_motionseg.errors import ReadError as ReadError
    from napari_motionseg.errors import SettingsError as SettingsError
    from napari_motionseg.errors import TrainingError as TrainingError
    from napari_motionseg.errors import WriteError as WriteError
    from napari_motionseg.io import Labels as Labels
    from napari_motionseg.io import read_cine as read_cine
    from napari_motionseg.io import read_cines as read_cines
    from napari_motionseg.io import read_labels as read_labels
    from napari_motionseg.io import write_masks as write_masks
    from napari_motionseg.jobs import STOP as STOP
    from napari_motionseg.jobs import Progress as Progress
    from napari_motionseg.jobs import run as run
    from napari_motionseg.measurement import Calibration as Calibration
    from napari_motionseg.measurement import FollowedVessel as FollowedVessel
    from napari_motionseg.measurement import VesselMeasurement as VesselMeasurement
    from napari_motionseg.measurement import follow_vessel_job as follow_vessel_job
    from napari_motionseg.measurement import measure_vessel as measure_vessel
    from napari_motionseg.models import ModelCard as ModelCard
    from napari_motionseg.models import UNetConfig as UNetConfig
    from napari_motionseg.models import load_model as load_model
    from napari_motionseg.motion import FlowSequence as FlowSequence
    from napari_motionseg.motion import FlowSettings as FlowSettings
    from napari_motionseg.motion import estimate_flow as estimate_flow
    from napari_motionseg.motion import estimate_flow_job as estimate_flow_job
    from napari_motionseg.motion import save_flow as save_flow
    from napari_motionseg.segmentation import Evaluation as Evaluation
    from napari_motionseg.segmentation import FinetuneSettings as FinetuneSettings
    from napari_motionseg.segmentation import Segmentation as Segmentation
    from napari_motionseg.segmentation import evaluate as evaluate
    from napari_motionseg.segmentation import finetune_job as finetune_job
    from napari_motionseg.segmentation import segment as segment
    from napari_motionseg.segmentation import segment_job as segment_job
    from napari_motionseg.segmentation.finetune import finetune as finetune
    from napari_motionseg.synthesis import SynthesisConfig as SynthesisConfig
    from napari_motionseg.synthesis import SyntheticCine as SyntheticCine
    from napari_motionseg.synthesis import synthesize_cine as synthesize_cine
    from napari_motionseg.training.flow.adaptation import adapt_flow as adapt_flow
    from napari_motionseg.training.flow.adaptation import (
        adapt_flow_job as adapt_flow_job,
    )
    from napari_motionseg.training.flow.composed_pairs import (
        AdaptationSettings as AdaptationSettings,
    )
    from napari_motionseg.training.pretrain import pretrain as pretrain
    from napari_motionseg.training.pretrain import pretrain_job as pretrain_job
    from napari_motionseg.training.pretrain.settings import (
        PretrainSettings as PretrainSettings,
    )

# The module of each public name. torch takes seconds to import, so a module is
# imported when one of its names is first used
_PUBLIC = {
    "Cine": "cine",
    "read_cine": "io",
    "read_cines": "io",
    "Labels": "io",
    "read_labels": "io",
    "write_masks": "io",
    "FlowSequence": "motion",
    "FlowSettings": "motion",
    "estimate_flow": "motion",
    "estimate_flow_job": "motion",
    "save_flow": "motion",
    "AdaptationSettings": "training.flow.composed_pairs",
    "adapt_flow": "training.flow.adaptation",
    "adapt_flow_job": "training.flow.adaptation",
    "PretrainSettings": "training.pretrain.settings",
    "UNetConfig": "models",
    "pretrain": "training.pretrain",
    "pretrain_job": "training.pretrain",
    "embed_frame": "embedding",
    "random_projection": "embedding",
    "similarity_map": "embedding",
    "FinetuneSettings": "segmentation",
    "finetune": "segmentation.finetune",
    "finetune_job": "segmentation",
    "Segmentation": "segmentation",
    "segment": "segmentation",
    "segment_job": "segmentation",
    "Evaluation": "segmentation",
    "evaluate": "segmentation",
    "ModelCard": "models",
    "load_model": "models",
    "Calibration": "measurement",
    "FollowedVessel": "measurement",
    "VesselMeasurement": "measurement",
    "follow_vessel_job": "measurement",
    "measure_vessel": "measurement",
    "SynthesisConfig": "synthesis",
    "SyntheticCine": "synthesis",
    "synthesize_cine": "synthesis",
    "Progress": "jobs",
    "STOP": "jobs",
    "run": "jobs",
    "MotionSegError": "errors",
    "CheckpointError": "errors",
    "LabelError": "errors",
    "MissingDependencyError": "errors",
    "MeasurementError": "errors",
    "MotionError": "errors",
    "ReadError": "errors",
    "SettingsError": "errors",
    "TrainingError": "errors",
    "WriteError": "errors",
    "PartialReadWarning": "errors",
}
__all__ = ["__version__", *_PUBLIC]
__getattr__, _names = lazy_names(__name__, _PUBLIC)


def __dir__() -> list[str]:
    return sorted(__all__)
