r"""Grouping losses: pixels of a segment shall move together (S3-CNN).

Mahendran, Thewlis, Vedaldi (2018): Self-Supervised Segmentation by Grouping
Optical-Flow, section 3. A network divides one picture into soft segments
:math:`m_{ul}`, shares of pixel u in segment l. Each segment gets the motion
:math:`\theta_l` that suits it best, and pays for the flow that this leaves over:

.. math:: p(f | m) = \prod_l \max_{\theta_l} \prod_{u: m_u = l} p(f_u | \theta_l)

(equation 2). Motions are affine maps, or histograms of the flow's length. Neither loss
changes when segments are numbered otherwise. Both take time and memory in proportion
to segments (and bins) times pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from napari_motionseg.errors import SettingsError
from napari_motionseg.registry import unknown_name

Kind = Literal["affine", "affine-own", "entropy"]
Residual = Literal["mixed", "own"]

# A segment of fewer pixels in all has no motion of its own: no 0 / 0
LEAST_MASS_PX = 1e-6
# Ridge on slopes. Pixels in a row say nothing of the flow across the row, and it is
# taken for constant there. The second term lies above what float32 loses of a long row.
# A well-filled segment of 32 px a side has a variance of 85 px^2: 2e-5 of its slope.
RIDGE_PX2 = 1e-3
RIDGE_SHARE = 1e-5
# Below this share of an image the logarithm is held: a finite slope into empty bins
LEAST_SHARE = 1e-12
# bfloat16 shares sum to 1 this well
SUM_TOLERANCE = 0.02


@dataclass(frozen=True)
class Grouping:
    """The objective with its settings; channels of the embedding become segments.

    Parameters
    ----------
    kind
        ``"affine"``: see `affine_grouping_loss`; ``"affine-own"``: the same with its
        residual ``"own"``; ``"entropy"``: see `entropy_grouping_loss`, which the paper
        found best for noisy flow.
    epsilon
        Of the affine losses.
    bins, bin_width
        Of the entropy loss.

    Raises
    ------
    SettingsError
        If a value is outside its range.
    """

    kind: Kind = "affine"
    epsilon: float = 0.1
    bins: int = 32
    bin_width: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            choices = dict.fromkeys(get_args(Kind))
            raise SettingsError(unknown_name("kind", self.kind, choices))
        _check_positive("epsilon", self.epsilon)
        _check_bins(self.bins, self.bin_width)

    def __call__(
        self, embedding: Tensor, flow: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of all pixels, ``"segments"`` and ``"certainty"``.

        The first metric says how many segments are used, as the exponential of the
        entropy of their areas: 1 when all is one segment. The second is the mean share
        of each pixel in its best segment.

        Parameters
        ----------
        embedding
            ``(B, D, H, W)`` scores; their softmax over D >= 2 are the segments.
        flow
            ``(B, 2, H, W)`` in pixels.
        generator
            Not used: nothing is drawn.
        """
        if embedding.ndim != 4 or embedding.shape[1] < 2:
            raise SettingsError(
                "embedding must be (B, D, H, W) with D >= 2, a channel for each "
                f"segment; got {tuple(embedding.shape)}"
            )
        segments = _at_least_float32(embedding).softmax(dim=1)
        if self.kind != "entropy":
            residual: Residual = "own" if self.kind == "affine-own" else "mixed"
            loss = affine_grouping_loss(
                segments, flow, epsilon=self.epsilon, residual=residual
            )
        else:
            loss = entropy_grouping_loss(
                segments, flow, bins=self.bins, bin_width=self.bin_width
            )
        return loss, _metrics(segments.detach())


def affine_grouping_loss(
    soft_segments: Tensor,
    flow: Tensor,
    *,
    epsilon: float = 0.1,
    residual: Residual = "mixed",
) -> Tensor:
    r"""Return what affine motions, one a segment, leave over of the flow.

    .. math::
        (A_l, b_l) &= \arg\min_{A, b} \sum_u m_{ul} |f_u - b - A (u - \bar u_l)|^2
            + M_l \rho_l |A|^2 \\
        \hat f_u &= \sum_l m_{ul} (b_l + A_l (u - \bar u_l)) \\
        L &= \frac{1}{H W} \sum_u \sqrt{|f_u - \hat f_u|^2 + \epsilon^2} - \epsilon

    with the area :math:`M_l = \sum_u m_{ul}` and the centre :math:`\bar u_l` of a
    segment; the ridge :math:`\rho_l` is a few thousandths of a square pixel.

    Soft shares can mix a few motions to many, and so explain a motion without finding
    its parts. With the residual ``"own"`` each segment pays for what its own motion
    leaves over, which is equation 2 to the letter, and hard segments are best:

    .. math::
        L = \frac{1}{H W} \sum_u \sum_l m_{ul} \left(
            \sqrt{|f_u - b_l - A_l (u - \bar u_l)|^2 + \epsilon^2} - \epsilon \right)

    Parameters
    ----------
    soft_segments
        m, ``(B, L, H, W)``: from 0 to 1, and of sum 1 over the L segments.
    flow
        f, ``(B, 2, H, W)`` in pixels, channel 0 = x, 1 = y; a constant, no gradient
        goes into it.
    epsilon
        In pixels: residuals below it count by their square, above it by their length
        (Charbonnier). The paper's residual is "robust", with no formula.
    residual
        ``"mixed"``, of the recombined flow, as in the paper, or ``"own"``.

    Returns
    -------
    Tensor
        Scalar in pixels, float32 or better, never negative; the mean over images.

    Raises
    ------
    SettingsError
        If shapes do not belong together, shares are none, a flow is not finite,
        `epsilon` is not positive, or there is no such residual.

    Notes
    -----
    Value and gradient are finite for empty segments and for those of a pixel or a row.
    """
    _check_positive("epsilon", epsilon)
    if residual not in get_args(Residual):
        choices = dict.fromkeys(get_args(Residual))
        raise SettingsError(unknown_name("residual", residual, choices))
    segments, flow = _checked(soft_segments, flow)
    fields = _affine_fields(segments, flow)
    if residual == "mixed":
        mixed = _flow_of(torch.einsum("blhw,nblc->nbchw", segments, fields), flow)
        return _robust((flow - mixed).square().sum(dim=1), epsilon).mean()
    own = _flow_of(fields[..., None, None], flow)
    left = _robust((flow[:, None] - own).square().sum(dim=2), epsilon)
    return (segments * left).sum(dim=1).mean()


def entropy_grouping_loss(
    soft_segments: Tensor, flow: Tensor, *, bins: int = 32, bin_width: float = 1.0
) -> Tensor:
    r"""Return the entropy of the flow's length within segments.

    .. math::
        h_{lk} &= \frac{1}{M_l} \sum_u m_{ul} \max(0, 1 - | |f_u| / w - k |) \\
        L &= \sum_l \frac{M_l}{H W} H(h_l), \quad
            H(h_l) = -\sum_k h_{lk} \log h_{lk}

    A length counts in the two bins whose centres k w lie around it. Segments weigh by
    their area :math:`M_l`: with the histogram as :math:`\theta_l`, this is equation 2
    to the letter, minus its logarithm, a pixel.

    Parameters
    ----------
    soft_segments
        m, ``(B, L, H, W)``: from 0 to 1, and of sum 1 over the L segments.
    flow
        f, ``(B, 2, H, W)`` in pixels; a constant, no gradient goes into it.
    bins
        At least 2; the last one also takes what is longer.
    bin_width
        w in pixels.

    Returns
    -------
    Tensor
        Scalar in nats, float32 or better, never negative and at most the entropy of
        the whole image, which a single segment has; the mean over images.

    Raises
    ------
    SettingsError
        If shapes do not belong together, shares are none, a flow is not finite, or a
        setting is outside its range.

    Notes
    -----
    The loss is concave in m, so its least values are at hard segments. Value and
    gradient are finite for empty segments and bins.
    """
    _check_bins(bins, bin_width)
    segments, flow = _checked(soft_segments, flow)
    length = torch.linalg.vector_norm(flow, dim=1) / bin_width
    centre = torch.arange(bins, device=flow.device, dtype=flow.dtype)
    distance = length.clamp(max=bins - 1)[:, None] - centre[:, None, None]
    counts = (1 - distance.abs()).clamp(min=0)
    pixels = length[0].numel()
    joint = torch.einsum("blhw,bkhw->blk", segments, counts) / pixels
    # H(bin | segment) = H(segment, bin) - H(segment): no division by an area
    loss: Tensor = _entropy(joint, (1, 2)) - _entropy(joint.sum(dim=2), (1,))
    return loss.mean().clamp(min=0)


def _robust(square: Tensor, epsilon: float) -> Tensor:
    """Return sqrt(square + epsilon^2) - epsilon, exact at small residuals too."""
    return square / ((square + epsilon**2).sqrt() + epsilon)


def _flow_of(motion: Tensor, like: Tensor) -> Tensor:
    """Return the flow of motions ``(3, ...)``: in the middle, along x, along y."""
    x, y = _positions(like)
    return motion[0] + motion[1] * x + motion[2] * y[:, None]


def _positions(like: Tensor) -> tuple[Tensor, Tensor]:
    """Return x ``(W,)`` and y ``(H,)`` in pixels from the middle of the picture."""
    height, width = like.shape[-2:]
    x, y = (
        torch.arange(n, device=like.device, dtype=like.dtype) - (n - 1) / 2
        for n in (width, height)
    )
    return x, y


def _affine_fields(segments: Tensor, flow: Tensor) -> Tensor:
    """Return each segment's flow in the middle and slopes by x, y: ``(3, B, L, 2)``."""
    x, y = _positions(flow)
    weight = segments / segments.sum(dim=(2, 3), keepdim=True).clamp(min=LEAST_MASS_PX)
    shift = torch.einsum("blhw,bchw->blc", weight, flow)
    column, row = weight.sum(dim=2), weight.sum(dim=3)
    centre_x, centre_y = (column * x).sum(dim=2), (row * y).sum(dim=2)
    # moments about each segment's own centre: exact in float32 for small segments
    dx, dy = x - centre_x[..., None], y - centre_y[..., None]
    by_x, by_y = weight * dx[:, :, None], weight * dy[..., None]
    xx, yy = (column * dx.square()).sum(dim=2), (row * dy.square()).sum(dim=2)
    xy = (by_x.sum(dim=3) * dy).sum(dim=2)
    with_x, with_y = (
        torch.einsum("blhw,bchw->blc", by, flow) - by.sum(dim=(2, 3))[..., None] * shift
        for by in (by_x, by_y)
    )
    slope_x, slope_y = _slopes(xx, xy, yy, with_x, with_y)
    at_zero = shift - slope_x * centre_x[..., None] - slope_y * centre_y[..., None]
    return torch.stack((at_zero, slope_x, slope_y))


def _slopes(
    xx: Tensor, xy: Tensor, yy: Tensor, with_x: Tensor, with_y: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the flow's slopes ``(B, L, 2)`` along x and y: 2 x 2 normal equations.

    Parameters
    ----------
    xx, xy, yy
        ``(B, L)`` variances of positions, px^2.
    with_x, with_y
        ``(B, L, 2)`` covariances of flow and position, px^2.
    """
    ridge = RIDGE_PX2 + RIDGE_SHARE * (xx + yy)
    xx, yy = xx + ridge, yy + ridge
    xx, xy, yy = xx[..., None], xy[..., None], yy[..., None]
    determinant = xx * yy - xy.square()
    along_x = (yy * with_x - xy * with_y) / determinant
    along_y = (xx * with_y - xy * with_x) / determinant
    return along_x, along_y


def _entropy(shares: Tensor, dim: tuple[int, ...]) -> Tensor:
    """Return the entropy over `dim`, with a slope that is finite at a share of 0."""
    return -(shares * shares.clamp(min=LEAST_SHARE).log()).sum(dim=dim)


def _metrics(segments: Tensor) -> dict[str, float]:
    area = segments.mean(dim=(2, 3))
    return {
        "segments": float(_entropy(area, (1,)).exp().mean()),
        "certainty": float(segments.amax(dim=1).mean()),
    }


def _at_least_float32(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _checked(segments: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """Return segments and flow in one type, float32 or better, the flow a constant."""
    shape = tuple(segments.shape)
    if segments.ndim != 4 or 0 in shape:
        raise SettingsError(
            f"soft_segments must be (B, L, H, W), none of them 0; got {shape}"
        )
    batch, _, height, width = shape
    if tuple(flow.shape) != (batch, 2, height, width):
        raise SettingsError(
            f"flow must be {(batch, 2, height, width)} beside segments of {shape}; "
            f"got {tuple(flow.shape)}"
        )
    if not bool(torch.isfinite(flow).all()):
        raise SettingsError("flow must be finite; it holds NaN or infinite vectors")
    segments = _at_least_float32(segments)
    # NaN is let through: of a network that diverged, the training loop tells the step
    least, off = _share_faults(segments.detach())
    if least < 0 or off > SUM_TOLERANCE:
        raise SettingsError(
            "soft_segments must be shares, at least 0 and of sum 1 over dimension 1 "
            f"(take the softmax of scores); the least is {least:.3g}, a sum is off by "
            f"{off:.3g}"
        )
    return segments, flow.detach().to(segments.dtype)


def _share_faults(segments: Tensor) -> tuple[float, float]:
    """Return the least share and how far a sum is from 1."""
    off = (segments.sum(dim=1) - 1).abs().max()
    return float(segments.min()), float(off)


def _check_positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise SettingsError(f"{name} must be positive; got {value}")


def _check_bins(bins: int, bin_width: float) -> None:
    if bins < 2:
        raise SettingsError(f"bins must be at least 2; got {bins}")
    _check_positive("bin_width", bin_width)
