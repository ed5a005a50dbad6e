"""Select guidance: the few flow vectors that show a network which motion is meant.

Zhan, Pan, Liu, Lin, Loy (CVPR 2019): Self-Supervised Learning via Conditional Motion
Propagation, section 3.2. A Sobel filter finds the edges of the motion. The distance of
each pixel to the nearest edge is a landscape whose peaks lie inside objects that move
as one. Peaks that are highest within K x K pixels are taken, except on the border of
the picture. Points of a grid with stride G are added for the background.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt, maximum_filter
from torch import Tensor
from torch.nn import functional

from napari_motionseg.errors import SettingsError

# smaller slopes come from rounding or a smooth heartbeat, however still the rest is
LEAST_EDGE = 0.02  # px per px


def guidance_mask(
    flow: Tensor,
    *,
    nms_kernel: int = 81,
    grid_stride: int = 200,
    edge: float = 0.1,
    generator: torch.Generator,
) -> Tensor:
    """Return the pixels with guidance: watershed points and grid points.

    Parameters
    ----------
    flow
        Flow ``(B, 2, H, W)`` in px.
    nms_kernel, edge, generator
        Settings of `watershed_points`; 81 is the paper's K for pictures of 384 x 384. 0
        leaves these points out.
    grid_stride
        Stride G of `grid_points`; 200 is the paper's. 0 leaves these points out.
        Without either kind, motion is predicted from the picture alone (Walker et al.,
        ICCV 2015).

    Returns
    -------
    Tensor
        Mask ``(B, H, W)`` bool, on the flow's device.

    Raises
    ------
    SettingsError
        If an argument is invalid.
    """
    _check_flow(flow)
    check_guidance(nms_kernel, grid_stride, edge)
    mask = torch.zeros_like(flow[:, 0], dtype=torch.bool)
    if nms_kernel:
        mask |= watershed_points(flow, nms_kernel, edge=edge, generator=generator)
    if grid_stride:
        mask |= grid_points(flow.shape[-2:], grid_stride).to(flow.device)
    return mask


def sparse_motion(flow: Tensor, mask: Tensor) -> Tensor:
    """Return guidance as network input: x, y and mask, ``(B, 3, H, W)``.

    Parameters
    ----------
    flow
        Flow ``(B, 2, H, W)`` in px.
    mask
        Mask ``(B, H, W)`` bool of guidance. Elsewhere the flow is set to 0; the mask
        distinguishes these pixels from guidance with zero flow.

    Raises
    ------
    SettingsError
        If the shapes do not fit together.
    """
    _check_flow(flow)
    if mask.shape != flow[:, 0].shape:
        raise SettingsError(
            f"mask must be {tuple(flow[:, 0].shape)} for a flow of "
            f"{tuple(flow.shape)}; got {tuple(mask.shape)}"
        )
    chosen = mask[:, None]
    return torch.cat((flow.masked_fill(~chosen, 0), chosen.to(flow.dtype)), dim=1)


def watershed_points(
    flow: Tensor,
    kernel: int = 81,
    *,
    edge: float = 0.1,
    generator: torch.Generator,
) -> Tensor:
    """Return the peaks of the distance to the nearest motion edge.

    Parameters
    ----------
    flow
        Flow ``(B, 2, H, W)`` in px.
    kernel
        Odd number K: a point is higher than all others within K x K pixels around it.
    edge
        Share of the steepest slope of the picture above which a pixel is an edge; its
        `motion_slope` must also be above `LEAST_EDGE`.
    generator
        Generator that decides which of several equally high pixels is the peak.

    Returns
    -------
    Tensor
        Mask ``(B, H, W)`` bool, on the flow's device. Two points are at least (K + 1) /
        2 rows or columns apart, so their number is bounded. Motion without an edge has
        no point.

    Raises
    ------
    SettingsError
        If the flow has other axes or is not finite, or a setting is invalid.
    """
    if kernel < 1 or kernel % 2 == 0:
        raise SettingsError(f"kernel must be odd and positive; got {kernel}")
    _check_edge(edge)
    slope = motion_slope(flow)
    steepest = slope.amax(dim=(1, 2), keepdim=True)
    height = squared_distance(slope > (edge * steepest).clamp(min=LEAST_EDGE)).cpu()
    # squared distances are whole numbers, so an addition below one decides only ties
    draw = torch.rand(
        height.shape, generator=generator, device=generator.device, dtype=height.dtype
    )
    height = height + draw.cpu() / 2
    # torch's pooling takes time with K^2, or K; this filter does not
    highest = torch.from_numpy(maximum_filter(height.numpy(), (1, kernel, kernel)))
    summit = (height == highest) & (height >= 1) & torch.isfinite(height)
    summit[:, [0, -1]] = False
    summit[:, :, [0, -1]] = False
    return summit.to(flow.device)


def motion_slope(flow: Tensor) -> Tensor:
    """Return the slope of the flow by a Sobel filter, ``(B, H, W)`` in px per px.

    It is the root of the sum of squares of both components' derivatives along both
    axes; a jump of 1 px has a slope of 1/2 on both sides. The edges of the picture are
    continued, so they do not count as edges of the motion.

    Parameters
    ----------
    flow
        Flow ``(B, 2, H, W)`` in px.

    Raises
    ------
    SettingsError
        If the flow has other axes or is not finite.
    """
    _check_flow(flow)
    field = flow.detach().to(torch.promote_types(flow.dtype, torch.float32))
    if not bool(torch.isfinite(field).all()):
        raise SettingsError("flow must be finite; it holds NaN or infinite vectors")
    smooth, differ = field.new_tensor([1, 2, 1]) / 4, field.new_tensor([-1, 0, 1]) / 2
    along_x = torch.outer(smooth, differ)
    kernels = torch.stack((along_x, along_x.T))[:, None]
    planes = functional.pad(field.flatten(0, 1)[:, None], (1,) * 4, mode="replicate")
    slopes = functional.conv2d(planes, kernels).view(len(field), 4, *field.shape[2:])
    slope: Tensor = torch.linalg.vector_norm(slopes, dim=1)
    return slope


def squared_distance(edges: Tensor) -> Tensor:
    """Return each pixel's squared distance to the nearest edge, in px^2.

    Parameters
    ----------
    edges
        Mask ``(B, H, W)`` bool of edges.

    Returns
    -------
    Tensor
        ``(B, H, W)`` float64 whole numbers; infinite in a picture without an edge.
    """
    planes = []
    for plane in edges.cpu().numpy():
        if not plane.any():
            planes.append(np.full(plane.shape, math.inf))
            continue
        planes.append(np.rint(distance_transform_edt(~plane) ** 2))
    return torch.from_numpy(np.stack(planes)).to(edges.device)


def grid_points(size: tuple[int, int] | torch.Size, stride: int = 200) -> Tensor:
    """Return the centres of squares of `stride` x `stride` px, ``(H, W)`` bool.

    Parameters
    ----------
    size
        H and W of the picture.
    stride
        Side G of the squares in px; squares with less than G / 2 in the picture have no
        point.

    Raises
    ------
    SettingsError
        If the stride is below 1.
    """
    if stride < 1:
        raise SettingsError(f"stride must be at least 1; got {stride}")
    mask = torch.zeros(tuple(size), dtype=torch.bool)
    mask[stride // 2 :: stride, stride // 2 :: stride] = True
    return mask


def check_guidance(nms_kernel: int, grid_stride: int, edge: float) -> None:
    """Raise `SettingsError` unless the values are valid for `guidance_mask`."""
    if nms_kernel < 0 or (nms_kernel and nms_kernel % 2 == 0):
        raise SettingsError(
            f"nms_kernel must be odd, or 0 for no watershed points; got {nms_kernel}"
        )
    if grid_stride < 0:
        raise SettingsError(
            f"grid_stride must be positive, or 0 for no grid; got {grid_stride}"
        )
    _check_edge(edge)


def _check_edge(edge: float) -> None:
    if not 0 < edge < 1:
        raise SettingsError(f"edge must lie between 0 and 1; got {edge}")


def _check_flow(flow: Tensor) -> None:
    if flow.ndim != 4 or flow.shape[1] != 2:
        raise SettingsError(f"flow must be (B, 2, H, W); got {tuple(flow.shape)}")
