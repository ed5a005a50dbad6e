"""Segment the loops of a place; the network is loaded once in each process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from napari_motionseg.batch.loop_facts import loop_facts
from napari_motionseg.batch.records import Draft
from napari_motionseg.batch.thumbnails import THUMBNAIL, write_thumbnail
from napari_motionseg.cine import Cine
from napari_motionseg.errors import SettingsError
from napari_motionseg.io import write_masks
from napari_motionseg.io.dicom_seg_writer import (
    Algorithm,
    SegmentationSettings,
    write_segmentation,
)
from napari_motionseg.io.result_folders import fingerprint
from napari_motionseg.jobs import run
from napari_motionseg.models import SegmentationNet
from napari_motionseg.models.checkpoints import card_of_kind
from napari_motionseg.models.class_names import VESSEL
from napari_motionseg.models.model_card import checkpoint_path
from napari_motionseg.segmentation import Segmentation, load_segmentation, segment_job
from napari_motionseg.segmentation.predict import require_batch, require_threshold
from napari_motionseg.segmentation.temporal_smoothing import postprocess

TAILS = {
    "npz": "_masks.npz", "tiff": "_masks.tiff", "nii": "_masks.nii.gz",
    "dicom-seg": "_masks.dcm",
}  # fmt: skip


@dataclass(frozen=True)
class SegmentationTask:
    """Settings of a segmentation, which another process can be sent.

    Parameters
    ----------
    model
        Path of the checkpoint, or ``default``.
    form
        Format of the masks: ``npz``, ``tiff``, ``nii`` or ``dicom-seg``.
    threshold
        Probability from which a pixel is vessel.
    smallest
        Number of pixels; smaller connected components are removed.
    batch
        Number of frames that go through the network at once.
    device
        Device of the network: ``auto`` or a name that torch knows.

    Raises
    ------
    SettingsError
        If the format is unknown, or a number is outside its range.
    """

    model: str = "default"
    form: str = "npz"
    threshold: float = 0.5
    smallest: int = 0
    batch: int = 1
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.form not in TAILS:
            raise SettingsError(
                f"--format must be one of {', '.join(TAILS)}; got {self.form!r}"
            )
        require_threshold(self.threshold)
        require_batch(self.batch)

    def settings(self) -> dict[str, Any]:
        """Return the JSON values that the results depend on.

        Raises
        ------
        CheckpointError
            If the model cannot be read.
        """
        name, sha256 = identity_of(self.model)
        given = {n: v for n, v in asdict(self).items() if n not in ("batch", "device")}
        return {"task": "segment", **given, "model": name, "model_sha256": sha256}

    def run(self, cine: Cine, key: str, draft: Draft) -> dict[str, Any]:
        """Segment a loop, write its masks, and return its facts.

        Parameters
        ----------
        cine
            The loop.
        key
            Key of its place.
        draft
            Where the masks are written to.
        """
        found = segmented(cine, self.model, self.threshold, self.batch, self.device)
        masks = postprocess(found, self.smallest)
        self._write(draft.path(cine.name, key, TAILS[self.form]), cine, masks, found)
        told = facts(cine, masks, found)
        t = told["fullest_frame"]
        vessel = masks[t] == VESSEL
        write_thumbnail(draft.path(cine.name, key, THUMBNAIL), cine, t, vessel)
        return told

    def _write(
        self, path: Path, cine: Cine, masks: np.ndarray, found: Segmentation
    ) -> None:
        if self.form != "dicom-seg":
            write_masks(
                path, masks, labelled=found.done, frame_times=cine.frame_times,
                pixel_spacing=cine.pixel_spacing,
            )  # fmt: skip
            return
        chosen = f"threshold={self.threshold}, smallest={self.smallest}"
        origin = Algorithm("AUTOMATIC", *identity_of(self.model), chosen)
        write_segmentation(
            path, cine, masks, labelled=found.done,
            settings=SegmentationSettings(algorithm=origin),
        )  # fmt: skip


def segmented(
    cine: Cine, model: str, threshold: float, batch: int, device: str
) -> Segmentation:
    """Segment a loop by a network that is loaded once in a process.

    Parameters
    ----------
    cine
        The loop.
    model, threshold, batch, device
        See `SegmentationTask`.
    """
    network = network_of(model)
    return run(
        segment_job(cine, network, threshold=threshold, batch=batch, device=device)
    )


@lru_cache(maxsize=1)
def network_of(model: str) -> SegmentationNet:
    """Return the network of a checkpoint, which is loaded once in a process.

    Parameters
    ----------
    model
        Path of the checkpoint, or ``default``.
    """
    return load_segmentation(model)


@lru_cache(maxsize=1)
def identity_of(
    model: str, kind: str | Sequence[str] = "segmentation"
) -> tuple[str, str]:
    """Return the name and the SHA-256 of a checkpoint, which is read once.

    A batch stops here, before it begins, if it could not use the checkpoint.

    Parameters
    ----------
    model
        Path of the checkpoint, or ``default``.
    kind
        Kind of checkpoint that is needed, or several allowed ones.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged or of another kind.
    """
    file = checkpoint_path(Path(model))
    card_of_kind(file, kind)
    return file.name, fingerprint(file)[1]


def facts(cine: Cine, masks: np.ndarray, found: Segmentation) -> dict[str, Any]:
    """Return what the table says of a segmented loop; no attribute of the patient.

    Parameters
    ----------
    cine
        The loop.
    masks
        Its masks ``(T, H, W)``.
    found
        The segmentation that they were made of.
    """
    area = vessel_area(cine, masks)
    strange = found.strangeness
    return {
        **loop_facts(cine),
        "strangeness": None if strange is None else round(strange, 3),
        "strange": found.strange,
        "fullest_frame": int(area.argmax()),
        "vessel_area_unit": "px" if cine.pixel_spacing is None else "mm2",
        "vessel_area": [round(float(one), 1) for one in area],
        "vessel_area_largest": round(float(area.max()), 1),
        "vessel_area_mean": round(float(area.mean()), 1),
        "contrast_frames": contrast_frames(area),
    }


def vessel_area(cine: Cine, masks: np.ndarray) -> np.ndarray:
    """Return the area of vessel in each frame, in mm² where the spacing is known.

    Parameters
    ----------
    cine
        The loop.
    masks
        Its masks ``(T, H, W)``.
    """
    spacing = cine.pixel_spacing
    scale = 1.0 if spacing is None else spacing[0] * spacing[1]
    return np.asarray((masks == VESSEL).sum(axis=(1, 2)) * scale, float)


def contrast_frames(area: np.ndarray) -> int:
    """Return the number of frames with at least half of the largest area of vessel.

    Parameters
    ----------
    area
        Area ``(T,)`` of vessel in each frame.
    """
    return int((area >= area.max() / 2).sum()) if area.max() > 0 else 0
