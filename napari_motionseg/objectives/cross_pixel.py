r"""Cross pixel flow similarity: pixels that move alike get similar embeddings.

Mahendran, Thewlis, Vedaldi (ACCV 2018): Cross Pixel Optical Flow Similarity for
Self-Supervised Learning, section 3. For two sampled pixels p and q, a kernel on flow
measures how similarly they move, K_f, and a kernel on embeddings measures how similar
they look, K_phi. A softmax turns them into probabilities S_f and S_phi, and the loss is
their cross entropy:

.. math:: L = -\sum_q \sum_p S_f(p, q) \log S_\phi(p, q)

The loss is invariant to scaling of single embeddings, to a common rotation of all
embeddings, to the order of pixels, and to mirrored flow. Memory grows with the square
of the number of pixels: at 512 pixels, a few matrices of 1 MiB for each picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.checks import (
    check_choice,
    check_points,
    check_positive,
)
from napari_motionseg.objectives.cross_pixel_values import FLOW_BOUND_PX, LEARNED_SIGMA
from napari_motionseg.objectives.explained import explained_metrics
from napari_motionseg.objectives.learned_objective import LearnedObjective
from napari_motionseg.objectives.pixel_sampling import draw_vectors, unit_vectors

Criterion = Literal["cross-entropy", "alignment"]
Reduction = Literal["mean", "sum"]

EMBEDDING_SCALE = 1 / 4  # factor of the cosine, equation 2
# equations 4 and 5 subtract 1 from the kernel of a pixel with itself, 1 and 1/4
FLOW_DIAGONAL = 1.0 - 1.0
EMBEDDING_DIAGONAL = EMBEDDING_SCALE - 1.0
# far below the rounding of normalized flow, far above the underflow of its square
LEAST_SIGMA = 1e-6


@dataclass(frozen=True)
class CrossPixel:
    """Settings of the objective, called as the loss; the defaults are the paper's.

    Parameters
    ----------
    points
        Number of pixels drawn uniformly from each picture.
    sigma
        Initial width of the flow kernel. The paper learns it and gives only the final
        value, sigma^2 = 0.0067.
    learn_sigma
        Whether `learnable` returns a module that learns the width.
    bound
        Flow M in px from which on all flows count as equal (equation 6).
    criterion
        ``"cross-entropy"`` is equation 3; ``"alignment"`` is 1 -
        `kernel_target_alignment`, which the paper tried before and abandoned.
    """

    # nats; flow of real loops says .03 to .05
    least_information: ClassVar[float] = 0.002

    points: int = 512
    sigma: float = LEARNED_SIGMA
    learn_sigma: bool = True
    bound: float = FLOW_BOUND_PX
    criterion: Criterion = "cross-entropy"

    def __post_init__(self) -> None:
        if self.points < 2:  # the kernels' diagonals are set to 0: pairs remain
            raise SettingsError(f"points must be at least 2; got {self.points}")
        check_positive("sigma", self.sigma)
        check_positive("bound", self.bound)
        check_choice("criterion", self.criterion, get_args(Criterion))

    def learnable(self, embedding_dim: int) -> LearnedSigma:
        """Return this objective as a module, whose parameters are to be optimized.

        It is called in place of the objective, with embeddings of length
        `embedding_dim`. Keep it with the network's weights if training shall be
        resumed.
        """
        del embedding_dim  # part of the interface; this module fits any length
        return LearnedSigma(self)

    def __call__(
        self,
        embedding: Tensor,
        flow: Tensor,
        generator: torch.Generator,
        sigma: Tensor | float | None = None,
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the mean loss of random pixels, and metrics; see `at_points`.

        Parameters
        ----------
        embedding, flow
            Embedding ``(B, D, H, W)``, and flow ``(B, 2, H, W)`` in px, x first.
        generator
            Generator that draws the pixels.
        sigma
            Present width of the flow kernel; None uses the initial one.
        """
        drawn = draw_vectors(embedding, flow, self.points, generator=generator)
        return self.at_points(*drawn, sigma)

    def at_points(
        self, embedding: Tensor, flow: Tensor, sigma: Tensor | float | None = None
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the mean loss of embeddings at sampled pixels, and metrics.

        The metrics are ``"sigma"``, ``"divergence"``, the excess of the cross entropy
        over the entropy of S_f in nats, which is 0 if embeddings contain all
        information of the flow, and those of `explained_metrics`. With
        ``criterion="alignment"``, the second one is ``"alignment"``. The kernel of
        embeddings spans only 1/2, so that even a perfect embedding explains less
        than 1.

        Parameters
        ----------
        embedding, flow
            Embedding ``(B, N, D)`` and flow ``(B, N, 2)`` of the pixels; see
            `cross_pixel_loss`.
        sigma
            Present width of the flow kernel; None uses the initial one.
        """
        sigma = self.sigma if sigma is None else sigma
        check_points(embedding, flow)
        flow_similarity = flow_kernel(flow, sigma, bound=self.bound)
        embedding_similarity = embedding_kernel(embedding)
        metrics = {"sigma": float(torch.as_tensor(sigma).detach())}
        # all embeddings equal: each cosine is 1
        constant = torch.full_like(flow_similarity.detach(), EMBEDDING_SCALE)
        if self.criterion == "alignment":
            aligned = kernel_target_alignment(embedding_similarity, flow_similarity)
            loss = 1 - aligned.mean()
            metrics["alignment"] = 1 - float(loss.detach())
            alike = 1 - kernel_target_alignment(constant, flow_similarity).mean()
            return loss, metrics | explained_metrics(loss, alike)
        cross_entropy, entropy = _entropies(embedding_similarity, flow_similarity)
        loss, least = cross_entropy.mean(), entropy.mean()
        alike = _entropies(constant, flow_similarity)[0].mean()
        metrics["divergence"] = float((loss - least).detach())
        return loss, metrics | explained_metrics(loss, alike, least)


class LearnedSigma(LearnedObjective[CrossPixel]):
    """Compute `CrossPixel` with the width of its flow kernel as a parameter.

    Parameters
    ----------
    objective
        The objective with its settings, and the initial width.
    """

    def __init__(self, objective: CrossPixel) -> None:
        super().__init__(objective)
        # a step of any size in the logarithm keeps the width positive
        start = torch.tensor(math.log(objective.sigma))
        self.log_sigma = nn.Parameter(start, requires_grad=objective.learn_sigma)

    @property
    def sigma(self) -> Tensor:
        """Present width of the flow kernel, a positive scalar with a gradient."""
        return self.log_sigma.exp()

    def forward(
        self, embedding: Tensor, flow: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss and metrics of the objective at the present width."""
        return self.objective(embedding, flow, generator, self.sigma)

    def at_points(
        self, embedding: Tensor, flow: Tensor
    ) -> tuple[Tensor, dict[str, float]]:
        """Return `CrossPixel.at_points` at the present width."""
        return self.objective.at_points(embedding, flow, self.sigma)


def cross_pixel_loss(
    embedding: Tensor,
    flow: Tensor,
    sigma: Tensor | float,
    *,
    bound: float = FLOW_BOUND_PX,
    reduction: Reduction = "mean",
) -> Tensor:
    r"""Compute the cross pixel optical flow similarity loss (equations 2 to 6).

    Parameters
    ----------
    embedding
        Embeddings :math:`\phi_p` ``(B, N, D)`` of sampled pixels; only their direction
        counts. Pixels of different pictures are never compared.
    flow
        Flow f_p ``(B, N, 2)`` in pixels; it gets no gradient.
    sigma
        Width of the flow kernel, in normalized flow: one positive number, which gets a
        gradient.
    bound
        Bound M in px; see `log_normalized_flow`.
    reduction
        ``"sum"`` is equation 3 itself, over the pixels of all pictures; ``"mean"``
        divides it by their number B N.

    Returns
    -------
    Tensor
        Scalar in float32 or better, never negative. Its minimum is not 0 but the
        entropy of S_f.

    Raises
    ------
    SettingsError
        If shapes do not fit together, a flow is not finite, or sigma, bound or
        reduction is invalid.

    Notes
    -----
    As printed, the second lines of equations 4 and 5 have q' instead of q in the
    numerator, and normalize rows where the text says columns. Kernels are symmetric, so
    the double sum of equation 3 is the same for both. An embedding of length 0 has
    cosine 0 with every other and gets no gradient. Value and gradients are finite for
    any finite input.
    """
    check_choice("reduction", reduction, get_args(Reduction))
    check_points(embedding, flow)
    similarity = flow_kernel(flow, sigma, bound=bound)
    cross_entropy, _ = _entropies(embedding_kernel(embedding), similarity)
    return cross_entropy.sum() if reduction == "sum" else cross_entropy.mean()


def log_normalized_flow(flow: Tensor, *, bound: float = FLOW_BOUND_PX) -> Tensor:
    """Normalize flow in px to -1 to 1, by the logarithm of each component (equation 6).

    Parameters
    ----------
    flow
        Flow of any shape, in pixels.
    bound
        Bound M in px: a component of at least this length becomes -1 or 1.

    Raises
    ------
    SettingsError
        If `bound` is not positive.
    """
    check_positive("bound", bound)
    flow = flow.to(torch.promote_types(flow.dtype, torch.float32))
    return flow.sign() * (flow.abs().log1p() / math.log1p(bound)).clamp(max=1)


def flow_kernel(
    flow: Tensor, sigma: Tensor | float, *, bound: float = FLOW_BOUND_PX
) -> Tensor:
    """Return K_f ``(B, N, N)`` of flows ``(B, N, 2)`` in px (equations 2 and 6).

    Raises
    ------
    SettingsError
        If `sigma` is not one positive number, or `bound` is not positive.
    """
    with torch.no_grad():
        normalized = log_normalized_flow(flow, bound=bound)
        # from differences, because products of lengths would round close pairs to equal
        difference = normalized[:, :, None] - normalized[:, None]
        distance = difference.square().sum(dim=-1)
    width = torch.as_tensor(sigma, dtype=distance.dtype, device=distance.device)
    if width.numel() != 1:
        raise SettingsError(
            f"sigma must be one number; got a tensor of shape {tuple(width.shape)}"
        )
    check_positive("sigma", float(width.detach()))
    width = width.reshape(()).clamp(min=LEAST_SIGMA)
    return torch.exp(-distance / (2 * width.square()))


def embedding_kernel(embedding: Tensor) -> Tensor:
    """Return K_phi ``(B, N, N)``, a quarter of the cosine (equation 2)."""
    embedding = embedding.to(torch.promote_types(embedding.dtype, torch.float32))
    unit = unit_vectors(embedding)
    # a trainer's autocast would round the products, and with them the loss, to bf16
    with torch.autocast(embedding.device.type, enabled=False):
        return EMBEDDING_SCALE * (unit @ unit.mT)


def kernel_target_alignment(first: Tensor, second: Tensor) -> Tensor:
    r"""Return the alignment of two kernels (Cristianini and Shawe-Taylor, 2000).

    .. math:: \sum_{pq} K_{pq} K'_{pq} / \sqrt{\sum_{pq} K_{pq}^2 \sum_{pq} K'^2_{pq}}

    Parameters
    ----------
    first, second
        Kernel matrices ``(B, N, N)``.

    Returns
    -------
    Tensor
        ``(B,)`` from -1 to 1: 1 if one is a multiple of the other, 0 without gradient
        if one is zero everywhere.

    Raises
    ------
    SettingsError
        If the matrices are not square or differ in shape.
    """
    shape = tuple(first.shape)
    if first.ndim != 3 or shape[1] != shape[2] or tuple(second.shape) != shape:
        raise SettingsError(
            f"kernels must both be (B, N, N); got {shape} and {tuple(second.shape)}"
        )
    product, first_square, second_square = (
        term.sum(dim=(1, 2)) for term in (first * second, first**2, second**2)
    )
    squares = first_square * second_square
    empty = squares == 0
    aligned = product * squares.masked_fill(empty, 1.0).rsqrt()
    return aligned.masked_fill(empty, 0.0)


def _entropies(
    embedding_similarity: Tensor, flow_similarity: Tensor
) -> tuple[Tensor, Tensor]:
    """Return H(S_f, S_phi) and H(S_f) of each pixel, ``(B, N)``, from kernels."""
    log_target = _log_probabilities(flow_similarity, FLOW_DIAGONAL)
    log_found = _log_probabilities(embedding_similarity, EMBEDDING_DIAGONAL)
    target = log_target.exp()
    cross_entropy = -(target * log_found).sum(dim=-1)  # equation 3, inner sum
    return cross_entropy, -(target * log_target).sum(dim=-1)


def _log_probabilities(kernel: Tensor, diagonal: float) -> Tensor:
    """Return log S ``(B, N, N)``, rows of S sum to 1 (equations 4 and 5)."""
    itself = torch.eye(kernel.shape[-1], dtype=torch.bool, device=kernel.device)
    return kernel.masked_fill(itself, diagonal).log_softmax(dim=-1)
