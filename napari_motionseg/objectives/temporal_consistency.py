r"""Temporal consistency: embeddings stay constant along the flow.

This is a term to add to an objective of the four papers, not one of them. A pixel p of
a frame and its position p + f_p in the later frame show the same piece of tissue, so
their embeddings should have the same direction:

.. math:: L = \frac{1}{|P|} \sum_{p \in P} 1 - \cos(\phi_p, \phi'_{p + f_p})

P are random pixels whose flow stays inside the picture. The loss alone has a trivial
solution, one vector for all pixels. It is invariant to scaling of single embeddings and
to a common rotation of all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.hypercolumn import hypercolumns
from napari_motionseg.objectives.checks import check_fields
from napari_motionseg.objectives.pixel_sampling import (
    draw_pixels,
    unit_vectors,
    vectors_at,
)


@dataclass(frozen=True)
class TemporalConsistency:
    """Settings of the term, called as the loss.

    Parameters
    ----------
    points
        Number of pixels drawn uniformly from each picture.
    """

    needs_second_frame: ClassVar[bool] = True

    points: int = 512

    def __post_init__(self) -> None:
        if self.points < 1:
            raise SettingsError(f"points must be at least 1; got {self.points}")

    def __call__(
        self,
        embedding: Tensor,
        flow: Tensor,
        generator: torch.Generator,
        second: Tensor,
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of random pixels, and ``"carried"``, the mean cosine.

        Parameters
        ----------
        embedding, flow, second
            Embeddings of both frames and the flow; see `temporal_consistency_loss`.
        generator
            Generator that draws the pixels.
        """
        points = draw_pixels(flow, self.points, generator=generator)
        loss = temporal_consistency_loss(embedding, second, flow, points)
        return loss, {"carried": 1 - float(loss.detach())}


def temporal_consistency_loss(
    embedding: Tensor, second: Tensor, flow: Tensor, points: Tensor
) -> Tensor:
    r"""Return the mean change of direction of embeddings along the flow.

    Parameters
    ----------
    embedding
        Embedding :math:`\phi` ``(B, D, H, W)`` of a frame; only its direction counts.
    second
        Embedding :math:`\phi'` ``(B, D, H, W)`` of the later frame; it is interpolated
        bilinearly.
    flow
        Flow f ``(B, 2, H, W)`` in pixels, x first, from the frame to the later one; it
        gets no gradient.
    points
        Points ``(B, N, 2)`` as integers, row and column.

    Returns
    -------
    Tensor
        Scalar from 0 to 2, float32 or better: the mean over points whose flow stays
        inside the picture; 0 without gradient if there are none.

    Raises
    ------
    SettingsError
        If the shapes do not fit together.
    """
    check_fields(embedding, flow)
    if second.shape != embedding.shape:
        raise SettingsError(
            f"second must have the shape {tuple(embedding.shape)} of embedding; got "
            f"{tuple(second.shape)}"
        )
    height, width = embedding.shape[-2:]
    with torch.no_grad():
        places = points + vectors_at(flow, points).flip(-1)  # x, y to row, column
        last = places.new_tensor((height - 1, width - 1))
        inside = ((places >= 0) & (places <= last)).all(dim=-1)
        # flow that is not finite leads nowhere
        places = torch.where(inside[..., None], places, 0)
    first = unit_vectors(vectors_at(embedding, points))
    carried = hypercolumns([second], places, (height, width)).mT
    cosine = (first * unit_vectors(carried)).sum(dim=-1)
    loss: Tensor = ((1 - cosine) * inside).sum() / inside.sum().clamp(min=1)
    return loss
