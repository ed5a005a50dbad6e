r"""Grouping losses: the pixels of a segment move together (S3-CNN).

Mahendran, Thewlis, Vedaldi (2018): Self-Supervised Segmentation by Grouping
Optical-Flow, section 3. A network divides one picture into soft segments
:math:`m_{ul}`, the share of pixel u in segment l. Each segment gets the motion
:math:`\theta_l` that fits it best, and the loss is the remaining flow:

.. math:: p(f | m) = \prod_l \max_{\theta_l} \prod_{u: m_u = l} p(f_u | \theta_l)

(equation 2). Motions are affine maps, or histograms of the flow's length. Both losses
are invariant to the numbering of segments. Time and memory are proportional to segments
(and bins) times pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.explained import explained_metrics
from napari_motionseg.registry import unknown_name

Kind = Literal["affine", "affine-own", "entropy"]
Residual = Literal["mixed", "own"]

# a segment with less area has no motion of its own, which avoids 0 / 0
LEAST_MASS_PX = 1e-6
# Ridge on slopes. Pixels in a row do not determine the slope across the row, which then
# becomes 0. The second term exceeds the rounding of float32 for a long row. A full
# segment of 32 x 32 px has a variance of 85 px^2, so its slope changes by 2e-5.
RIDGE_PX2 = 1e-3
RIDGE_SHARE = 1e-5
# bound on the logarithm, so that the slope into empty bins stays finite
LEAST_SHARE = 1e-12
# shares in bfloat16 sum to 1 with this accuracy
SUM_TOLERANCE = 0.02


@dataclass(frozen=True)
class Grouping:
    """Settings of the objective, called as the loss; channels become segments.

    Parameters
    ----------
    kind
        ``"affine"`` is `affine_grouping_loss`; ``"affine-own"`` is the same with
        residual ``"own"``; ``"entropy"`` is `entropy_grouping_loss`, which the paper
        recommends for noisy flow.
    epsilon
        Residual in px below which the affine losses are quadratic.
    bins, bin_width
        Number of bins of the entropy loss, and their width in px.

    Raises
    ------
    SettingsError
        If a value is outside its range.
    """

    # px or nats; flow of real loops says .4 to 3
    least_information: ClassVar[float] = 0.05

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
        """Return the loss of all pixels, and metrics.

        ``"segments"`` is the number of used segments: the exponential of the entropy of
        their areas, which is 1 if one segment covers everything. ``"certainty"`` is the
        mean share of pixels in their best segment. `explained_metrics` are relative to
        one segment that covers everything.

        Parameters
        ----------
        embedding
            Scores ``(B, D, H, W)`` with D >= 2; their softmax over D gives the
            segments.
        flow
            Flow ``(B, 2, H, W)`` in pixels.
        generator
            Unused, because nothing is drawn.
        """
        if embedding.ndim != 4 or embedding.shape[1] < 2:
            raise SettingsError(
                "embedding must be (B, D, H, W) with D >= 2, one channel for "
                f"each segment; got {tuple(embedding.shape)}"
            )
        segments = _at_least_float32(embedding).softmax(dim=1)
        loss = self._loss(segments, flow)
        alone = self._loss(torch.ones_like(segments[:, :1]).detach(), flow)
        metrics = _metrics(segments.detach())
        return loss, metrics | explained_metrics(loss, alone)

    def _loss(self, segments: Tensor, flow: Tensor) -> Tensor:
        if self.kind == "entropy":
            return entropy_grouping_loss(
                segments, flow, bins=self.bins, bin_width=self.bin_width
            )
        residual: Residual = "own" if self.kind == "affine-own" else "mixed"
        return affine_grouping_loss(
            segments, flow, epsilon=self.epsilon, residual=residual
        )


def affine_grouping_loss(
    soft_segments: Tensor,
    flow: Tensor,
    *,
    epsilon: float = 0.1,
    residual: Residual = "mixed",
) -> Tensor:
    r"""Compute the flow that remains after one affine motion for each segment.

    .. math::
        (A_l, b_l) &= \arg\min_{A, b} \sum_u m_{ul} |f_u - b - A (u - \bar u_l)|^2
            + M_l \rho_l |A|^2 \\
        \hat f_u &= \sum_l m_{ul} (b_l + A_l (u - \bar u_l)) \\ L &= \frac{1}{H W}
        \sum_u \sqrt{|f_u - \hat f_u|^2 + \epsilon^2} - \epsilon

    with the area :math:`M_l = \sum_u m_{ul}` and the centre :math:`\bar u_l` of a
    segment; the ridge :math:`\rho_l` is a few thousandths of a square pixel.

    Soft shares can mix a few motions to many, and thus explain a motion without finding
    its parts. With residual ``"own"``, each segment is measured by its own motion,
    which is equation 2 itself, and hard segments are optimal:

    .. math::
        L = \frac{1}{H W} \sum_u \sum_l m_{ul} \left(
            \sqrt{|f_u - b_l - A_l (u - \bar u_l)|^2 + \epsilon^2} - \epsilon \right)

    Parameters
    ----------
    soft_segments
        Shares m ``(B, L, H, W)`` from 0 to 1, which sum to 1 over the L segments.
    flow
        Flow f ``(B, 2, H, W)`` in pixels, channel 0 = x, 1 = y; it gets no gradient.
    epsilon
        In pixels: smaller residuals count by their square, larger ones by their length
        (Charbonnier). The paper calls its residual "robust" and gives no formula.
    residual
        ``"mixed"``: that of the recombined flow, as in the paper; or ``"own"``.

    Returns
    -------
    Tensor
        Scalar in pixels, float32 or better, never negative: the mean over pictures.

    Raises
    ------
    SettingsError
        If shapes do not fit together, shares are invalid, a flow is not finite,
        `epsilon` is not positive, or the residual is unknown.

    Notes
    -----
    Value and gradient are finite for empty segments, and for those of one pixel or row.
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
    r"""Compute the entropy of the flow's length within segments.

    .. math::
        h_{lk} &= \frac{1}{M_l} \sum_u m_{ul} \max(0, 1 - | |f_u| / w - k |) \\
        L &= \sum_l \frac{M_l}{H W} H(h_l), \quad
            H(h_l) = -\sum_k h_{lk} \log h_{lk}

    A length counts in the two bins whose centres k w are nearest. Segments are weighted
    by their area :math:`M_l`. With the histogram as :math:`\theta_l`, this is the
    negative logarithm of equation 2, for each pixel.

    Parameters
    ----------
    soft_segments
        Shares m ``(B, L, H, W)`` from 0 to 1, which sum to 1 over the L segments.
    flow
        Flow f ``(B, 2, H, W)`` in pixels; it gets no gradient.
    bins
        Number of bins, at least 2; the last one includes all longer flow.
    bin_width
        Width w of a bin in pixels.

    Returns
    -------
    Tensor
        Scalar in nats, float32 or better: the mean over pictures. It lies between 0 and
        the entropy of the whole picture, which a single segment has.

    Raises
    ------
    SettingsError
        If shapes do not fit together, shares are invalid, a flow is not finite, or a
        setting is out of range.

    Notes
    -----
    The loss is concave in m, so its minima are at hard segments. Value and gradient are
    finite for empty segments and bins.
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
    """Return sqrt(square + epsilon^2) - epsilon, exactly even for small residuals."""
    return square / ((square + epsilon**2).sqrt() + epsilon)


def _flow_of(motion: Tensor, like: Tensor) -> Tensor:
    """Return the flow of motions ``(3, ...)``: in the middle, slopes along x and y."""
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
    # moments about each segment's own centre are accurate in float32
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
    """Solve the 2 x 2 normal equations for the slopes ``(B, L, 2)`` along x and y.

    Parameters
    ----------
    xx, xy, yy
        Variances ``(B, L)`` of positions in px^2.
    with_x, with_y
        Covariances ``(B, L, 2)`` of flow and position in px^2.
    """
    ridge = RIDGE_PX2 + RIDGE_SHARE * (xx + yy)
    xx, yy = xx + ridge, yy + ridge
    xx, xy, yy = xx[..., None], xy[..., None], yy[..., None]
    determinant = xx * yy - xy.square()
    along_x = (yy * with_x - xy * with_y) / determinant
    along_y = (xx * with_y - xy * with_x) / determinant
    return along_x, along_y


def _entropy(shares: Tensor, dim: tuple[int, ...]) -> Tensor:
    """Return the entropy over `dim`, with a finite slope at a share of 0."""
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
    """Return segments and flow in one type, float32 or better.

    The flow gets no gradient.
    """
    shape = tuple(segments.shape)
    if segments.ndim != 4 or 0 in shape:
        raise SettingsError(
            f"soft_segments must be (B, L, H, W) without a 0; got {shape}"
        )
    batch, _, height, width = shape
    if tuple(flow.shape) != (batch, 2, height, width):
        raise SettingsError(
            f"flow must be {(batch, 2, height, width)} for segments of "
            f"{shape}; got {tuple(flow.shape)}"
        )
    if not bool(torch.isfinite(flow).all()):
        raise SettingsError("flow must be finite; it holds NaN or infinite vectors")
    segments = _at_least_float32(segments)
    # NaN of a diverged network passes, because the training loop reports it with the
    # step
    least, off = _share_faults(segments.detach())
    if least < 0 or off > SUM_TOLERANCE:
        raise SettingsError(
            "soft_segments must be at least 0 and sum to 1 over dimension 1, like the "
            f"softmax of scores; the least is {least:.3g}, and a sum is off by "
            f"{off:.3g}"
        )
    return segments, flow.detach().to(segments.dtype)


def _share_faults(segments: Tensor) -> tuple[float, float]:
    """Return the least share, and the largest deviation of a sum from 1."""
    off = (segments.sum(dim=1) - 1).abs().max()
    return float(segments.min()), float(off)


def _check_positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise SettingsError(f"{name} must be positive; got {value}")


def _check_bins(bins: int, bin_width: float) -> None:
    if bins < 2:
        raise SettingsError(f"bins must be at least 2; got {bins}")
    _check_positive("bin_width", bin_width)
