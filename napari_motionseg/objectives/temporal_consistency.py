r"""Temporal consistency: what flow carries along keeps its embedding.

Not of the four papers: a term to add to one of them. A pixel p of a frame and the place
p + f_p to which flow carries it in the later frame are the same piece of the body, so
their embeddings shall point the same way:

.. math:: L = \frac{1}{|P|} \sum_{p \in P} 1 - \cos(\phi_p, \phi'_{p + f_p})

P are drawn pixels that flow leaves inside the picture. Alone the loss has an idle
solution, one vector for all pixels; it does not change when embeddings are scaled or
all turned alike.
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
    """The term with its settings.

    Parameters
    ----------
    points
        Pixels a picture, drawn uniformly.
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
            See `temporal_consistency_loss`.
        generator
            Draws the pixels.
        """
        points = draw_pixels(flow, self.points, generator=generator)
        loss = temporal_consistency_loss(embedding, second, flow, points)
        return loss, {"carried": 1 - float(loss.detach())}


def temporal_consistency_loss(
    embedding: Tensor, second: Tensor, flow: Tensor, points: Tensor
) -> Tensor:
    r"""Return how far embeddings turn along the flow.

    Parameters
    ----------
    embedding
        :math:`\phi`, ``(B, D, H, W)``, of a frame; any length, only directions count.
    second
        :math:`\phi'`, ``(B, D, H, W)``, of the later frame; read bilinearly between
        its pixels.
    flow
        f, ``(B, 2, H, W)`` in pixels, x and y, from the frame to the later one; a
        constant, no gradient goes into it.
    points
        ``(B, N, 2)`` integers, row and column.

    Returns
    -------
    Tensor
        Scalar from 0 to 2, float32 or better: the mean over the points that flow
        leaves inside the picture; 0 with no gradient where it leaves none.

    Raises
    ------
    SettingsError
        If shapes do not belong together.
    """
    check_fields(embedding, flow)
    if second.shape != embedding.shape:
        raise SettingsError(
            f"second must be {tuple(embedding.shape)}, as the embedding is; got "
            f"{tuple(second.shape)}"
        )
    height, width = embedding.shape[-2:]
    with torch.no_grad():
        places = points + vectors_at(flow, points).flip(-1)  # x, y to row, column
        last = places.new_tensor((height - 1, width - 1))
        inside = ((places >= 0) & (places <= last)).all(dim=-1)
        # a flow that is not finite is no place
        places = torch.where(inside[..., None], places, 0)
    first = unit_vectors(vectors_at(embedding, points))
    carried = hypercolumns([second], places, (height, width)).mT
    cosine = (first * unit_vectors(carried)).sum(dim=-1)
    loss: Tensor = ((1 - cosine) * inside).sum() / inside.sum().clamp(min=1)
    return loss
