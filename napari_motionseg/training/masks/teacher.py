"""Let a network that segments vessels teach another one, so that nothing is forgotten.

A training that adds a class changes all layers, and the masks of real loops with them.
A teacher keeps them: the vessels of each window are in part those that the teacher
marks (Li and Hoiem 2016, *Learning without Forgetting*).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from napari_motionseg.models import SegmentationNet
from napari_motionseg.models.class_names import VESSEL
from napari_motionseg.models.class_scores import class_probabilities
from napari_motionseg.training.engine.initial_networks import (
    describe_origin,
    load_initial_network,
)


class Teacher:
    """A network that is not trained, and says where it sees vessels.

    Parameters
    ----------
    model
        Segmentation network whose class 1 is the vessel.
    share
        Share of the teacher's vessels in the vessels that are learnt, 0 to 1; the rest
        is the exact mask.
    """

    def __init__(self, model: SegmentationNet, share: float) -> None:
        self._model = model.eval().requires_grad_(False)
        self._share = share

    def masks(self, pictures: Tensor, exact: Tensor) -> Tensor:
        """Return the masks ``(B, 2, h, w)`` that are learnt, in [0, 1].

        A catheter is no vessel, whatever the teacher takes it for.

        Parameters
        ----------
        pictures
            Pictures ``(B, 1, h, w)`` in [0, 1].
        exact
            Exact masks ``(B, 2, h, w)`` of vessels and catheters, in [0, 1].
        """
        model = self._model.to(pictures.device)
        with torch.no_grad():
            scores = model.head(model.embedding.at_one_size(pictures))
            seen = class_probabilities(scores)[:, VESSEL].to(exact.dtype)
        vessels, catheters = exact.unbind(dim=1)
        mixed = torch.lerp(vessels, seen, self._share)
        alone = (catheters > vessels) & (catheters > 0.5)
        return torch.stack((torch.where(alone, vessels, mixed), catheters), dim=1)


def load_teacher(
    path: str | Path | None, share: float
) -> tuple[Teacher | None, dict[str, Any]]:
    """Return a teacher, and ``{"teacher": its origin}`` for the model card.

    Parameters
    ----------
    path
        Path of a segmentation checkpoint, or the name of shipped weights; None for no
        teacher and an empty dict.
    share
        Share of the teacher's vessels; see `Teacher`.

    Raises
    ------
    CheckpointError
        If it is not a segmentation network.
    """
    if path is None:
        return None, {}
    model, card = load_initial_network(
        path, "segmentation", SegmentationNet, "a teacher of mask training"
    )
    origin = {**describe_origin(model, card), "share": share}
    return Teacher(model, share), {"teacher": origin}
