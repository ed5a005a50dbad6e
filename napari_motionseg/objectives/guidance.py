"""Guidance: the few flow vectors that tell a network which motion is meant.

Zhan, Pan, Liu, Lin, Loy (CVPR 2019): Self-Supervised Learning via Conditional Motion
Propagation, section 3.2. Sobel's filter finds the edges of the motion; every pixel's
distance to the nearest edge makes a landscape whose summits lie amid what moves as one;
the summits that are highest within K x K pixels are taken, those on the border of the
picture are not. Points of a grid with stride G come on top, for the background.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt, maximum_filter
from torch import Tensor
from torch.nn import functional

from napari_motionseg.errors import SettingsError

# A slope that rounding or a smooth heartbeat makes is no edge, however still the rest
LEAST_EDGE = 0.02  # px per px


def guidance_mask(
    flow: Tensor,
    *,
    nms_kernel: int = 81,
    grid_stride: int = 200,
    edge: float = 0.1,
    generator: torch.Generator,
) -> Tensor:
    """Return where guidance is taken: watershed points and grid points together.

    Parameters
    ----------
    flow
        ``(B, 2, H, W)`` px.
    nms_kernel, edge, generator
        See `watershed_points`; 81 is the paper's K for pictures of 384 x 384. 0 leaves
        these points out.
    grid_stride
        See `grid_points`; 200 is the paper's G. 0 leaves these points out; without
        either, motion is foretold from the picture alone (Walker et al., ICCV 2015).

    Returns
    -------
    Tensor
        ``(B, H, W)`` bool, on the flow's device.

    Raises
    ------
    SettingsError
        If an argument is none of the above.
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
    """Return guidance as a network takes it: x, y and mask, ``(B, 3, H, W)``.

    Parameters
    ----------
    flow
        ``(B, 2, H, W)`` px.
    mask
        ``(B, H, W)`` bool. Elsewhere flow is 0; the mask tells these pixels from points
        that stand still.

    Raises
    ------
    SettingsError
        If the shapes do not belong together.
    """
    _check_flow(flow)
    if mask.shape != flow[:, 0].shape:
        raise SettingsError(
            f"mask must be {tuple(flow[:, 0].shape)} beside a flow of "
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
    """Return the summits of the distance to the nearest motion edge.

    Parameters
    ----------
    flow
        ``(B, 2, H, W)`` px.
    kernel
        K, odd: a point is higher than all others in the K x K pixels around it.
    edge
        A pixel is an edge where `motion_slope` is above this share of the picture's
        steepest, and above `LEAST_EDGE`.
    generator
        Draws which of several pixels of equal height is the summit.

    Returns
    -------
    Tensor
        ``(B, H, W)`` bool, on the flow's device. Two points are at least (K + 1) / 2
        rows or columns apart, so that their number is bounded. Motion without an edge
        has no point.

    Raises
    ------
    SettingsError
        If the flow has other axes or is not finite, or a setting is none of the above.
    """
    if kernel < 1 or kernel % 2 == 0:
        raise SettingsError(f"kernel must be odd and positive; got {kernel}")
    _check_edge(edge)
    slope = motion_slope(flow)
    steepest = slope.amax(dim=(1, 2), keepdim=True)
    height = squared_distance(slope > (edge * steepest).clamp(min=LEAST_EDGE)).cpu()
    # squares of distances are whole numbers, so half a unit decides ties alone
    draw = torch.rand(
        height.shape, generator=generator, device=generator.device, dtype=height.dtype
    )
    height = height + draw.cpu() / 2
    # torch's pooling takes time with K^2, or K; this does not
    highest = torch.from_numpy(maximum_filter(height.numpy(), (1, kernel, kernel)))
    summit = (height == highest) & (height >= 1) & torch.isfinite(height)
    summit[:, [0, -1]] = False
    summit[:, :, [0, -1]] = False
    return summit.to(flow.device)


def motion_slope(flow: Tensor) -> Tensor:
    """Return how steeply flow changes by Sobel's filter, ``(B, H, W)`` px per px.

    The root of the sum of squares of both components' derivatives along both axes; a
    jump of 1 px has a slope of 1/2 on its two sides. Edges of the picture are
    continued, so that they are no edges of the motion.

    Parameters
    ----------
    flow
        ``(B, 2, H, W)`` px.

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
        ``(B, H, W)`` bool.

    Returns
    -------
    Tensor
        ``(B, H, W)`` float64, whole numbers; infinite in a picture without an edge.
    """
    planes = []
    for plane in edges.cpu().numpy():
        if not plane.any():
            planes.append(np.full(plane.shape, math.inf))
            continue
        planes.append(np.rint(distance_transform_edt(~plane) ** 2))
    return torch.from_numpy(np.stack(planes)).to(edges.device)


def grid_points(size: tuple[int, int] | torch.Size, stride: int = 200) -> Tensor:
    """Return the middles of squares of `stride` x `stride` px, ``(H, W)`` bool.

    Parameters
    ----------
    size
        H and W.
    stride
        G, in px; squares that begin nearer than G / 2 to the far edge have no point.

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
    """Raise `SettingsError` unless these are settings of `guidance_mask`."""
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
