"""What is done with a damaged input: all that its reader can give is asked for."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from fuzz import dicom_seeds
from napari_motionseg.cine import Cine
from napari_motionseg.errors import ReadError
from napari_motionseg.io import read_cine, read_labels
from napari_motionseg.io.reading import can_read, read_cines

BUDGET = 2**28
LABEL_SHAPE = (5, 24, 32)


def loops(path: Path) -> None:
    """Read all loops and decode every frame."""
    can_read(path)
    for cine in read_cines(path, memory_budget=BUDGET):
        for t in range(len(cine)):
            cine.normalized(t)
        str(cine.view), cine.frame_rate


def labels(path: Path) -> None:
    read_labels(path, shape=LABEL_SHAPE).targets()
    read_labels(path, shape=LABEL_SHAPE, frame=1, mode="scribbles").targets()


def one_label(path: Path) -> None:
    read_labels(path, shape=LABEL_SHAPE, frame=1).targets()


def labels_or_one(path: Path) -> None:
    (one_label if path.suffix == ".png" else labels)(path)


def checkpoint(path: Path) -> None:
    import torch

    from napari_motionseg.models.checkpoints import load_model, read_card

    read_card(path)
    net, _ = load_model(path)
    with torch.no_grad():
        net(torch.zeros(1, 1, 16, 16))


def published(path: Path) -> None:
    import torch

    from napari_motionseg.models.published import read_published_pwcnet

    wanted = {"features.levels.1.0.0.weight": torch.zeros(16, 3, 3, 3)}
    read_published_pwcnet(path, wanted)


def state(path: Path) -> None:
    from napari_motionseg.training.engine.checkpointing import read_state

    read_state(path)


def flow(path: Path) -> None:
    from napari_motionseg.io.flow_files import read_flo, read_flow_zarr, read_kitti

    if path.suffix == ".flo":
        read_flo(path)
    elif path.suffix == ".png":
        read_kitti(path)
    else:
        read_flow_zarr(path, memory_budget=BUDGET)


def cache(path: Path) -> None:
    """Read a cache; what does not fit is estimated anew, so it never complains."""
    from napari_motionseg.motion.flow_cache import FlowCache

    entry = FlowCache(path).entry({"loop": "x"}, (3, 12, 16))
    flows = [entry.read("forward", t) for t in range(3)]
    if all(flow is None for flow in flows):
        raise ReadError("nothing in the cache fits")


def project(path: Path) -> None:
    from napari_motionseg.project.opening import open_project

    opened = open_project(path, read_only=True)
    try:
        for record in opened.layers():
            np.asarray(opened.layer_pixels(record)).max()
    finally:
        opened.project.close()


@lru_cache(1)
def _loop() -> Cine:
    """Return the loop that the segmentations of `seeds` refer to."""
    folder = tempfile.TemporaryDirectory(prefix="motionseg-fuzz-")
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "loop.dcm"
    dicom_seeds.dataset(
        dicom_seeds.frames(), dicom_seeds.NATIVE["explicit"], 8
    ).save_as(path, enforce_file_format=True)
    return read_cine(path)


def segmentation(path: Path) -> None:
    from napari_motionseg.io.dicom_seg_reader import is_segmentation, read_segmentation

    is_segmentation(path)
    read_segmentation(path, _loop(), fractions=True, memory_budget=BUDGET)


READERS: dict[str, Callable[[Path], None]] = {
    "dicom": loops, "dicom series": loops, "dicomdir": loops, "movies": loops,
    "npy": loops, "tiff": loops, "image folders": loops, "labels": labels_or_one,
    "nifti": labels, "checkpoints": checkpoint, "published weights": published,
    "training states": state, "flow files": flow, "flow cache": cache,
    "projects": project, "segmentations": segmentation,
}  # fmt: skip
