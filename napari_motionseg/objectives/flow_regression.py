r"""Flow regression: flow without the background is a linear map of the embedding.

Araslanov, Sonnweber, Cremers (NeurIPS 2025), "FlowFeat: Pixel-Dense Embedding of Motion
Profiles", arXiv 2511.07696, fit for each picture the linear map that turns features
into flow, and train the features so that little of the flow is left. The map is found
by ridge regression in closed form, so it has no weights of its own. Let e_p be the
embedding of a drawn pixel without the mean over the drawn pixels, and f_p its flow
without the affine motion of the background, also without its mean:

.. math::
    W = \arg\min_W \sum_p |e_p W - f_p|^2 + \lambda |W|^2, \qquad
    L = \frac{\sum_p |e_p W - f_p|_1}{\sum_p (|f_p|_1 + \epsilon)} + \beta
        \frac{\sum_p |(e_q - e_p) W - (f_q - f_p)|_1}{\sum_p (|f_q - f_p|_1 + \epsilon)}

The second term compares each pixel p with a random pixel q near it, so that edges of
the flow count. Other than flow consistency, the loss uses the length of the flow. It is
invariant to any rotation of the embeddings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.background_motion import without_background
from napari_motionseg.objectives.checks import check_fields, check_points
from napari_motionseg.objectives.explained import explained_metrics
from napari_motionseg.objectives.flow_changes import draw_at_changes
from napari_motionseg.objectives.pixel_sampling import draw_pixels, vectors_at

# keeps the system solvable if all embeddings are equal
LEAST_RIDGE = 1e-6


@dataclass(frozen=True)
class FlowRegression:
    """Settings of the objective, called as the loss.

    Parameters
    ----------
    points
        Number of pixels drawn from each picture.
    changes
        Share of the pixels, 0 to 1, that is drawn where flow changes, see
        `draw_at_changes`; the others are drawn uniformly.
    ridge
        Penalty of the linear map, relative to the mean variance of an embedding's
        channels. It must be above 0, because channels depend on each other.
    boundary
        Weight of the second term; 0 leaves it out.
    reach
        Largest distance in px between a pixel and its neighbour along each axis.
    floor
        Flow in px that is added to the norm of each pixel, so that a picture in which
        hardly anything moves apart has little influence.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    # px; flow of real loops says 1 to 4
    least_information: ClassVar[float] = 0.05

    points: int = 1000
    changes: float = 0.5
    ridge: float = 0.01
    boundary: float = 1.0
    reach: int = 4
    floor: float = 0.5

    def __post_init__(self) -> None:
        for name in ("points", "reach"):
            value = getattr(self, name)
            if value < 1:
                raise SettingsError(f"{name} must be at least 1; got {value}")
        if not 0 <= self.changes <= 1:
            raise SettingsError(f"changes must be 0 to 1; got {self.changes}")
        for name in ("ridge", "floor"):
            if not 0 < getattr(self, name) < float("inf"):
                raise SettingsError(
                    f"{name} must be positive and finite; got {getattr(self, name)}"
                )
        if not 0 <= self.boundary < float("inf"):
            raise SettingsError(f"boundary must be at least 0; got {self.boundary}")

    def __call__(
        self, embedding: Tensor, flow: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of random pixels, and metrics.

        They are those of `explained_metrics` in px of flow without the background's
        motion: ``"explained"`` is 1 - sum |e W - f| / sum |f|, which is 0 for an
        embedding that is the same everywhere.

        Parameters
        ----------
        embedding, flow
            Embedding ``(B, D, H, W)``, and flow ``(B, 2, H, W)`` in px.
        generator
            Generator that draws the pixels.

        Raises
        ------
        SettingsError
            If shapes do not fit together, or flow is not finite.
        """
        check_fields(embedding, flow)
        flow = without_background(flow)
        here = self._pixels_of(flow, generator)
        there = _near(here, self.reach, flow.shape[-2:], generator)
        return flow_regression_loss(
            *(vectors_at(embedding, pixels) for pixels in (here, there)),
            *(vectors_at(flow, pixels) for pixels in (here, there)),
            settings=self,
        )

    def _pixels_of(self, flow: Tensor, generator: torch.Generator) -> Tensor:
        """Draw the pixels of each picture, ``(B, points, 2)``."""
        changing = round(self.changes * self.points)
        parts = []
        if changing:
            parts.append(draw_at_changes(flow, changing, generator=generator))
        if changing < self.points:
            rest = self.points - changing
            parts.append(draw_pixels(flow, rest, generator=generator))
        return torch.cat(parts, dim=1)


def flow_regression_loss(
    embedding: Tensor,
    embedding_near: Tensor,
    flow: Tensor,
    flow_near: Tensor,
    *,
    settings: FlowRegression | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """Compute the loss of drawn pixels and their neighbours.

    Parameters
    ----------
    embedding, embedding_near
        Embeddings ``(B, N, D)`` of the pixels and of a neighbour of each.
    flow, flow_near
        Flow ``(B, N, 2)`` in px of the same pixels; it gets no gradient.
    settings
        Settings of the loss; None uses the defaults.

    Returns
    -------
    Tensor
        Scalar in float32 or better, never negative: the mean over pictures.
    dict
        Metrics; see `FlowRegression`.

    Raises
    ------
    SettingsError
        If the shapes do not fit together, or flow is not finite.
    """
    settings = settings or FlowRegression()
    check_points(embedding, flow)
    check_points(embedding_near, flow_near, name="embedding_near")
    # a trainer's autocast would round the sums, and with them the map, to bf16
    with torch.autocast(embedding.device.type, enabled=False):
        dtype = torch.promote_types(embedding.dtype, torch.float32)
        at, near = embedding.to(dtype), embedding_near.to(dtype)
        truth, truth_near = flow.detach().to(dtype), flow_near.detach().to(dtype)
        middle, mean = at.mean(dim=1, keepdim=True), truth.mean(dim=1, keepdim=True)
        centred, wanted = at - middle, truth - mean
        linear = ridge_map(centred, wanted, settings.ridge)
        found = centred @ linear
        left = _l1(found - wanted)
        loss = left / (_l1(wanted) + settings.floor)
        if settings.boundary:
            step, asked = (near - at) @ linear, truth_near - truth
            uneven = _l1(step - asked) / (_l1(asked) + settings.floor)
            loss = loss + settings.boundary * uneven
    return loss.mean(), explained_metrics(left.mean(), _l1(wanted).mean())


def ridge_map(centred: Tensor, wanted: Tensor, ridge: float) -> Tensor:
    """Return the linear maps ``(B, D, C)`` of a ridge regression, with gradient.

    Parameters
    ----------
    centred
        Vectors ``(B, N, D)`` with mean 0.
    wanted
        Values ``(B, N, C)`` with mean 0 to be predicted from them.
    ridge
        Penalty, relative to the mean variance of the channels of `centred`.
    """
    moments = centred.mT @ centred
    mean = moments.diagonal(dim1=-2, dim2=-1).mean(dim=-1)
    penalty = ridge * mean + LEAST_RIDGE
    identity = torch.eye(moments.shape[-1], dtype=moments.dtype, device=moments.device)
    system = moments + penalty[:, None, None] * identity
    found: Tensor = torch.linalg.solve(system, centred.mT @ wanted)
    return found


def _l1(vectors: Tensor) -> Tensor:
    """Return the mean over pixels of the L1 norm of vectors, ``(B,)``."""
    return vectors.abs().sum(dim=-1).mean(dim=-1)


def _near(
    pixels: Tensor, reach: int, size: torch.Size, generator: torch.Generator
) -> Tensor:
    """Draw a neighbour of each pixel ``(B, N, 2)`` at most `reach` px away.

    Neighbours outside the picture are moved to its border.
    """
    steps = torch.randint(
        -reach, reach + 1, pixels.shape, generator=generator, device=generator.device
    )
    last = torch.tensor(size, device=pixels.device) - 1
    moved = pixels + steps.to(pixels.device)
    return moved.clamp(min=torch.zeros_like(last), max=last)
