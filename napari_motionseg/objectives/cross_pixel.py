r"""Cross pixel flow similarity: pixels that move alike get like embeddings, in pairs.

Mahendran, Thewlis, Vedaldi (ACCV 2018): Cross Pixel Optical Flow Similarity for
Self-Supervised Learning, section 3. Of any two sampled pixels p and q, a kernel on flow
says how alike they move, K_f, and a kernel on embeddings how alike they look, K_phi.
Softmax makes probabilities S_f and S_phi of them, and their cross entropy is the loss:

.. math:: L = -\sum_q \sum_p S_f(p, q) \log S_\phi(p, q)

It does not change when embeddings are scaled one by one or turned all together, when
pixels are reordered, or when flow is mirrored. Memory goes with the square of the
pixels: 1 MiB a picture for each of a few matrices at 512 pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.checks import (
    check_choice,
    check_points,
    check_positive,
)
from napari_motionseg.objectives.learned_objective import LearnedObjective
from napari_motionseg.objectives.pixel_sampling import draw_vectors, unit_vectors

Criterion = Literal["cross-entropy", "alignment"]
Reduction = Literal["mean", "sum"]

FLOW_BOUND_PX = 56.0  # M of equation 6
LEARNED_SIGMA = math.sqrt(0.0067)  # what the paper's training ends at; section 3
EMBEDDING_SCALE = 1 / 4  # of the cosine, equation 2
# Equations 4 and 5 take 1 off the kernel of a pixel with itself, which is 1 and 1/4
FLOW_DIAGONAL = 1.0 - 1.0
EMBEDDING_DIAGONAL = EMBEDDING_SCALE - 1.0
# Far below the rounding of a flow between -1 and 1, far above underflow of its square
LEAST_SIGMA = 1e-6


@dataclass(frozen=True)
class CrossPixel:
    """The objective with its settings; the defaults are the paper's.

    Parameters
    ----------
    points
        Pixels a picture, drawn uniformly.
    sigma
        Where the width of the flow kernel starts. The paper learns it and says where it
        ended, sigma^2 = 0.0067, but not where it began.
    learn_sigma
        Whether `learnable` lets the width be learnt.
    bound
        M, the flow in px from which on all flows count as the same (equation 6).
    criterion
        ``"cross-entropy"`` is equation 3; ``"alignment"`` is what the paper tried
        before and gave up, 1 - `kernel_target_alignment`.
    """

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

        Called in place of the objective, on embeddings of length `embedding_dim`; to be
        kept with the network's weights where training shall be resumed.
        """
        del embedding_dim  # asked for by the hook; this module fits any
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
            ``(B, D, H, W)`` and ``(B, 2, H, W)``, flow in px, x and y.
        generator
            Draws the pixels.
        sigma
            The width of now; the one to start from if None.
        """
        drawn = draw_vectors(embedding, flow, self.points, generator=generator)
        return self.at_points(*drawn, sigma)

    def at_points(
        self, embedding: Tensor, flow: Tensor, sigma: Tensor | float | None = None
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the mean loss of embeddings that are known at pixels alone.

        The metrics are ``"sigma"`` and ``"divergence"``, what the cross entropy has
        above the entropy of S_f, in nats: 0 where embeddings tell all that flow does.
        With ``criterion="alignment"`` it is ``"alignment"`` instead.

        Parameters
        ----------
        embedding, flow
            See `cross_pixel_loss`.
        sigma
            The width of now; the one to start from if None.
        """
        sigma = self.sigma if sigma is None else sigma
        check_points(embedding, flow)
        flow_similarity = flow_kernel(flow, sigma, bound=self.bound)
        embedding_similarity = embedding_kernel(embedding)
        metrics = {"sigma": float(torch.as_tensor(sigma).detach())}
        if self.criterion == "alignment":
            aligned = kernel_target_alignment(embedding_similarity, flow_similarity)
            alignment = aligned.mean()
            return 1 - alignment, metrics | {"alignment": float(alignment.detach())}
        cross_entropy, entropy = _entropies(embedding_similarity, flow_similarity)
        divergence = (cross_entropy - entropy).detach().mean()
        return cross_entropy.mean(), metrics | {"divergence": float(divergence)}


class LearnedSigma(LearnedObjective[CrossPixel]):
    """Compute `CrossPixel` with the width of its flow kernel as a parameter.

    Parameters
    ----------
    objective
        The objective, with its settings and the first value of the width.
    """

    def __init__(self, objective: CrossPixel) -> None:
        super().__init__(objective)
        # of the logarithm a step of any length leaves the width positive
        start = torch.tensor(math.log(objective.sigma))
        self.log_sigma = nn.Parameter(start, requires_grad=objective.learn_sigma)

    @property
    def sigma(self) -> Tensor:
        """The width of now, a positive scalar with a gradient."""
        return self.log_sigma.exp()

    def forward(
        self, embedding: Tensor, flow: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Return what the objective does, at the width of now."""
        return self.objective(embedding, flow, generator, self.sigma)

    def at_points(
        self, embedding: Tensor, flow: Tensor
    ) -> tuple[Tensor, dict[str, float]]:
        """Return `CrossPixel.at_points` at the width of now."""
        return self.objective.at_points(embedding, flow, self.sigma)


def cross_pixel_loss(
    embedding: Tensor,
    flow: Tensor,
    sigma: Tensor | float,
    *,
    bound: float = FLOW_BOUND_PX,
    reduction: Reduction = "mean",
) -> Tensor:
    r"""Return the cross pixel optical flow similarity loss (equations 2 to 6).

    Parameters
    ----------
    embedding
        :math:`\phi_p` of sampled pixels, ``(B, N, D)``; any length, only directions
        count. Pixels of different pictures are never compared.
    flow
        f_p, ``(B, N, 2)`` in pixels; a constant, no gradient goes into it.
    sigma
        Width of the flow kernel, in normalised flow: one positive number, which gets a
        gradient.
    bound
        M, see `log_normalized_flow`.
    reduction
        ``"sum"`` is equation 3 to the letter, over the pixels of all pictures;
        ``"mean"`` divides it by their number B N.

    Returns
    -------
    Tensor
        Scalar, float32 or better, never negative. Its least value is not 0 but the
        entropy of S_f.

    Raises
    ------
    SettingsError
        If shapes do not belong together, a flow is not finite, or sigma, bound or
        reduction is none of the above.

    Notes
    -----
    In print, the second lines of equations 4 and 5 have q' for q in the numerator, and
    normalise rows, where the text says columns. Kernels are symmetric, so the double
    sum of equation 3 is the same for both. An embedding of length 0 has cosine 0 with
    every other and gets no gradient; value and gradients are finite for any input that
    is finite.
    """
    check_choice("reduction", reduction, get_args(Reduction))
    check_points(embedding, flow)
    similarity = flow_kernel(flow, sigma, bound=bound)
    cross_entropy, _ = _entropies(embedding_kernel(embedding), similarity)
    return cross_entropy.sum() if reduction == "sum" else cross_entropy.mean()


def log_normalized_flow(flow: Tensor, *, bound: float = FLOW_BOUND_PX) -> Tensor:
    """Return flow in px between -1 and 1, each component by its logarithm (equation 6).

    Parameters
    ----------
    flow
        Of any shape, in pixels.
    bound
        M in px: a component of that length and beyond is -1 or 1.

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
        # by differences: products of lengths would round near pairs away
        difference = normalized[:, :, None] - normalized[:, None]
        distance = difference.square().sum(dim=-1)
    width = torch.as_tensor(sigma, dtype=distance.dtype, device=distance.device)
    if width.numel() != 1:
        raise SettingsError(
            f"sigma must be one number; got a tensor of {tuple(width.shape)}"
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
    r"""Return how well two kernels agree (Cristianini and Shawe-Taylor, 2000).

    .. math:: \sum_{pq} K_{pq} K'_{pq} / \sqrt{\sum_{pq} K_{pq}^2 \sum_{pq} K'^2_{pq}}

    Parameters
    ----------
    first, second
        Kernel matrices, ``(B, N, N)``.

    Returns
    -------
    Tensor
        ``(B,)`` from -1 to 1, 1 where one is a multiple of the other; 0 without
        gradient where one is 0 all over.

    Raises
    ------
    SettingsError
        If the shapes are not alike and square.
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
