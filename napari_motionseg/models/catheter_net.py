"""Tell catheters from vessels with a second network, which sees the whole picture.

A window of a picture cannot tell a filled catheter from a smooth vessel. Their courses
can: a catheter comes from the edge of the picture, keeps its width, and ends where the
vessels begin. A network that sees pictures at a quarter of their pixels sees this
course at once. It works beside a network of vessels, which keeps what it has learnt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from napari_motionseg.errors import CheckpointError
from napari_motionseg.models.checkpoints import load_model
from napari_motionseg.models.class_names import CATHETER
from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.models.unet import SegmentationNet
from napari_motionseg.models.working_size import at_working_size

KIND = "catheters"  # of its checkpoints, which no dock offers for vessels
# of the card of a network of vessels: the checkpoint of the network beside it
CARD_ENTRY = "catheters"
BACKGROUND_ENTRY = "catheters_are_background"  # of the same card


@dataclass(frozen=True, eq=False)
class CatheterNet:
    """A network of background, vessel and catheter, of which the last class counts.

    Parameters
    ----------
    network
        The network.
    name
        Name or path of its checkpoint.
    is_background
        Whether catheters are background in masks, in place of a class of their own.

    Raises
    ------
    CheckpointError
        If the network has no class for catheters.
    """

    network: SegmentationNet
    name: str
    is_background: bool = False

    def __post_init__(self) -> None:
        if self.network.classes != CATHETER + 1:
            raise CheckpointError(
                f"{self.name}: has {self.network.classes} classes; a network that "
                "tells catheters has background, vessel and catheter"
            )

    @classmethod
    def of_card(cls, provenance: Mapping[str, Any]) -> CatheterNet | None:
        """Load the network that a model card names; None if it names none.

        Parameters
        ----------
        provenance
            Provenance of the card of a network of background and vessel.

        Raises
        ------
        CheckpointError
            If the checkpoint cannot be read or does not tell catheters.
        """
        name = provenance.get(CARD_ENTRY)
        if name is None:
            return None
        network, card = load_model(str(name), kind=(KIND, "segmentation"))
        if not isinstance(network, SegmentationNet):
            raise CheckpointError(f"{name}: {card.architecture} gives no masks")
        return cls(network, str(name), bool(provenance.get(BACKGROUND_ENTRY, False)))

    def probability(self, images: Tensor) -> Tensor:
        """Return the probability ``(B, H, W)`` of a catheter at each pixel.

        Parameters
        ----------
        images
            Pictures ``(B, 1, H, W)`` with gray values in [0, 1].
        """
        config = self.network.embedding.config
        with eval_mode(self.network), torch.inference_mode():
            return at_working_size(self.network.probabilities, config, images)[
                :, CATHETER
            ]
