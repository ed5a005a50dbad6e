"""PWC-Net in plain torch, from the published layout alone: the peer that anyone writes.

Functions of a state dict in the original release's names; it shares no line with the
package.
"""

from __future__ import annotations

import torch
from torch.nn import functional

CHANNELS = {1: 16, 2: 32, 3: 64, 4: 96, 5: 128, 6: 196}
DENSE = (128, 128, 96, 64, 32)
CONTEXT = (128, 128, 128, 96, 64, 32, 2)
DILATIONS = (1, 2, 4, 8, 16, 1, 1)

Tensor = torch.Tensor
State = dict[str, Tensor]


def random_state(seed: int = 0) -> State:
    """Small random weights of the published layout."""
    generator = torch.Generator().manual_seed(seed)
    state: State = {}

    def add(
        name: str, out: int, into: int, size: int = 3, turned: bool = False
    ) -> None:
        shape = (into, out, size, size) if turned else (out, into, size, size)
        scale = 1.3 / (into * size * size) ** 0.5
        state[f"{name}.weight"] = scale * torch.randn(shape, generator=generator)
        state[f"{name}.bias"] = 0.05 * torch.randn(out, generator=generator)

    before = 3
    for level, channels in CHANNELS.items():
        for part in _order(level):
            add(f"conv{level}{part}.0", channels, before)
            before = channels
    for level in range(6, 1, -1):
        into = 81 if level == 6 else 81 + CHANNELS[level] + 4
        for number, out in enumerate(DENSE):
            add(f"conv{level}_{number}.0", out, into)
            into += out
        add(f"predict_flow{level}", 2, into)
        add(f"deconv{level}", 2, 2, 4, turned=True)
        if level > 2:
            add(f"upfeat{level}", 2, into, 4, turned=True)
    for number, out in enumerate(CONTEXT, start=1):
        add(f"dc_conv{number}" + (".0" if number < 7 else ""), out, into)
        into = out
    return state


def _order(level: int) -> tuple[str, str, str]:
    return ("a", "aa", "b") if level < 6 else ("aa", "a", "b")


def plain_flow(state: State, first: Tensor, second: Tensor) -> Tensor:
    """Return the flow ``(B, 2, H, W)`` in px; sides must be multiples of 64."""
    ours, theirs = _pyramid(state, first), _pyramid(state, second)
    flow = features = None
    for level in range(6, 1, -1):
        if flow is None or features is None:
            features = _leaky(_correlate(ours[6], theirs[6]))
        else:
            flow = _double(state, f"deconv{level + 1}", flow)
            hints = _double(state, f"upfeat{level + 1}", features)
            warped = _warp(theirs[level], flow * 20 / 2**level)
            costs = _leaky(_correlate(ours[level], warped))
            features = torch.cat((costs, ours[level], flow, hints), 1)
        for number in range(5):
            new = _leaky(_convolve(state, f"conv{level}_{number}.0", features))
            features = torch.cat((new, features), 1)
        flow = _convolve(state, f"predict_flow{level}", features)
    for number, dilation in enumerate(DILATIONS, start=1):
        last = number == 7
        name = f"dc_conv{number}" + ("" if last else ".0")
        features = _convolve(state, name, features, dilation=dilation)
        features = features if last else _leaky(features)
    return functional.interpolate(
        20 * (flow + features), scale_factor=4, mode="bilinear", align_corners=False
    )


def _pyramid(state: State, picture: Tensor) -> dict[int, Tensor]:
    levels = {}
    for level in CHANNELS:
        for stride, part in zip((2, 1, 1), _order(level), strict=True):
            name = f"conv{level}{part}.0"
            picture = _leaky(_convolve(state, name, picture, stride=stride))
        levels[level] = picture
    return levels


def _convolve(
    state: State, name: str, x: Tensor, stride: int = 1, dilation: int = 1
) -> Tensor:
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    return functional.conv2d(x, weight, bias, stride, dilation, dilation)


def _double(state: State, name: str, x: Tensor) -> Tensor:
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    return functional.conv_transpose2d(x, weight, bias, 2, 1)


def _leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.1)


def _correlate(first: Tensor, second: Tensor) -> Tensor:
    height, width = first.shape[-2:]
    padded = functional.pad(second, (4, 4, 4, 4))
    costs = [
        (first * padded[..., dy : dy + height, dx : dx + width]).mean(1)
        for dy in range(9)
        for dx in range(9)
    ]
    return torch.stack(costs, 1)


def _warp(x: Tensor, flow: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    rows, columns = torch.meshgrid(
        torch.arange(height), torch.arange(width), indexing="ij"
    )
    grid = torch.stack(
        (
            2 * (columns + flow[:, 0]) / max(width - 1, 1) - 1,
            2 * (rows + flow[:, 1]) / max(height - 1, 1) - 1,
        ),
        dim=-1,
    )
    ones = functional.grid_sample(torch.ones_like(x[:, :1]), grid, align_corners=True)
    sampled = functional.grid_sample(x, grid, align_corners=True)
    return sampled * (ones >= 0.9999)
