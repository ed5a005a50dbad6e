"""Make a copy of a network that runs faster on a CPU, in float32.

Large convolutions use Winograd's algorithm on tiles, and a dense decoder keeps the
tiles of features that several layers use. Weights are transformed once and not at every
call. Heads with two outputs become one matrix product. Results equal those of the
network, up to rounding.

`benchmarks/flow_acceleration.py` measures the gain of flow networks: the published
layout of PWC-Net takes half the time in float32, and others gain less than a third (see
`gains`). The default network for masks takes a fifth less time with AVX2. In bf16,
torch's convolutions are faster.
"""

from __future__ import annotations

import copy
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_motionseg.models.pwcnet import FlowDecoder
from napari_motionseg.models.winograd import (
    Tiling,
    Workspace,
    choose_tiling,
    from_tiles,
    kernel_tiles,
    to_tiles,
)

Network = TypeVar("Network", bound=nn.Module)
# with fewer channels, rearranging tiles takes longer than multiplying them
LEAST_INPUTS, LEAST_OUTPUTS = 48, 24
MOST_FOLDED = 8
KNOWN = "_motionseg_tiles"  # attribute of a tensor whose tiles are still in memory


def gains(model: nn.Module, dtype: torch.dtype) -> bool:
    """Return whether `accelerate` makes a flow network faster by a third or more.

    Parameters
    ----------
    model
        Any network; layers of unknown types gain nothing.
    dtype
        Data type in which its convolutions are computed.
    """
    dense = any(isinstance(module, FlowDecoder) for module in model.modules())
    return dense and dtype is torch.float32


def accelerate(model: Network) -> Network:
    """Return a copy that runs faster on a CPU and cannot be trained.

    Parameters
    ----------
    model
        Any network in float32; layers of unknown types are copied unchanged.
    """
    made = copy.deepcopy(model).eval().requires_grad_(False)
    _replace(made, Workspace())
    return made


def _replace(module: nn.Module, space: Workspace) -> None:
    for name, child in list(module.named_children()):
        faster = _faster(child, space)
        if faster is None:
            _replace(child, space)
        else:
            module.add_module(name, faster)


def _faster(layer: nn.Module, space: Workspace) -> nn.Module | None:
    """Return the replacement of a layer; None to look inside the layer instead."""
    if type(layer) is FlowDecoder:
        return DenseDecoder(layer, space)
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and _folds(layer):
        return FoldedConvolution(layer)
    convolution, slope = _with_slope(layer)
    if convolution is None:
        return None
    if _pays(convolution):
        return TiledConvolution(convolution, slope, space)
    return DirectConvolution(convolution, slope)


def _with_slope(layer: nn.Module) -> tuple[nn.Conv2d | None, float]:
    """Return a convolution and the slope after it: 1 for none, 0 for a ReLU."""
    slope = 1.0
    if isinstance(layer, nn.Sequential) and len(layer) == 2:
        layer, activation = layer
        if isinstance(activation, nn.ReLU):
            slope = 0.0
        elif isinstance(activation, nn.LeakyReLU):
            slope = activation.negative_slope
        else:
            return None, slope
    if not isinstance(layer, nn.Conv2d) or not _plainly_padded(layer):
        return None, slope
    return layer, slope


def _plainly_padded(layer: nn.Conv2d | nn.ConvTranspose2d) -> bool:
    return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def _folds(layer: nn.Conv2d | nn.ConvTranspose2d) -> bool:
    """Return whether a convolution is best computed as one matrix product."""
    whole = layer.groups == 1 and layer.dilation == (1, 1)
    exact = not any(layer.output_padding) and _plainly_padded(layer)
    return whole and exact and layer.out_channels <= MOST_FOLDED


def _pays(layer: nn.Conv2d) -> bool:
    """Return whether a convolution is of the right kind and size for tiles."""
    known = (
        layer.kernel_size == (3, 3)
        and layer.stride == (1, 1)
        and layer.groups == 1
        and layer.padding == layer.dilation == layer.dilation[:1] * 2
    )
    large = layer.in_channels >= LEAST_INPUTS and layer.out_channels >= LEAST_OUTPUTS
    return known and large


def _pair(values: object) -> tuple[int, int]:
    """Narrow the type of a layer's attribute that is always a pair."""
    return cast("tuple[int, int]", values)


class DirectConvolution(nn.Module):
    """A convolution with channels last and an in-place activation.

    Parameters
    ----------
    layer
        Convolution whose weights are used.
    slope
        Slope of the LeakyReLU that follows; 1 for none.
    """

    def __init__(self, layer: nn.Conv2d, slope: float) -> None:
        super().__init__()
        last = torch.channels_last
        self.weight = layer.weight.detach().to(memory_format=last)
        self.bias = None if layer.bias is None else layer.bias.detach()
        self.outputs = layer.out_channels
        self.slope = slope
        self._geometry = (
            layer.stride, _pair(layer.padding), layer.dilation, layer.groups
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, N, h, w)`` of features ``(B, C, H, W)``."""
        x = x.to(memory_format=torch.channels_last)
        return self._activated(
            functional.conv2d(x, self.weight, self.bias, *self._geometry)
        )

    def _activated(self, y: Tensor) -> Tensor:
        return y if self.slope == 1 else functional.leaky_relu_(y, self.slope)


class TiledConvolution(DirectConvolution):
    """A 3 x 3 convolution by Winograd's tiles; direct for small pictures.

    Parameters
    ----------
    layer
        Convolution whose weights are used.
    slope
        Slope of the LeakyReLU that follows; 1 for none.
    space
        Reusable memory for intermediate results.
    """

    def __init__(self, layer: nn.Conv2d, slope: float, space: Workspace) -> None:
        super().__init__(layer, slope)
        self._exact = layer.weight.detach(), layer.bias
        self._dilation = layer.dilation[0]
        self._space = space
        self._kernels: dict[int, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, N, H, W)`` of features ``(B, C, H, W)``."""
        height, width = x.shape[-2:]
        tiling = choose_tiling(height, width, self._dilation)
        if tiling is None:
            return super().forward(x)
        known = _known_tiles(x, tiling, self._space)
        if known is not None:
            return self.of_tiles(known, tiling)
        made = [self._of_picture(one, tiling) for one in x.permute(0, 2, 3, 1)]
        return made[0] if len(made) == 1 else torch.cat(made)

    def of_tiles(self, tiles: Tensor, tiling: Tiling) -> Tensor:
        """Return ``(1, N, H, W)`` for the tiles of one picture; see `to_tiles`."""
        if tiling.m not in self._kernels:
            kernels = kernel_tiles(self._exact[0], tiling.m)
            self._kernels[tiling.m] = kernels
        products = self._space.take("products", *tiles.shape[:2], self.outputs)
        torch.bmm(tiles, self._kernels[tiling.m], out=products)
        made = from_tiles(products, tiling, self._space, self._exact[1], self.slope)
        return made[None].permute(0, 3, 1, 2)

    def _of_picture(self, picture: Tensor, tiling: Tiling) -> Tensor:
        shape = (tiling.side**2, tiling.count, picture.shape[-1])
        tiles = self._space.take("tiles", *shape)
        to_tiles(picture, tiling, tiles, self._space)
        return self.of_tiles(tiles, tiling)


class FoldedConvolution(nn.Module):
    """A convolution with few outputs, plain or transposed, with a float32 result.

    The taps of all outputs are computed by one matrix product. Each output pixel is the
    sum of the products that fall on it.

    Parameters
    ----------
    layer
        Convolution whose weights are used.
    """

    def __init__(self, layer: nn.Conv2d | nn.ConvTranspose2d) -> None:
        super().__init__()
        weight = layer.weight.detach()
        if isinstance(layer, nn.Conv2d):
            weight = weight.transpose(0, 1).flip(2, 3)
        self.taps = weight.flatten(1).contiguous()
        bias = layer.bias
        self.bias = None if bias is None else bias.detach()[:, None, None]
        self._geometry = (
            _pair(layer.kernel_size), _pair(layer.stride), _pair(layer.padding)
        )  # fmt: skip
        self._transposed = isinstance(layer, nn.ConvTranspose2d)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, N, h, w)`` of features ``(B, C, H, W)``."""
        batch, channels, height, width = x.shape
        pixels = x.permute(0, 2, 3, 1).reshape(-1, channels)
        taps = (pixels @ self.taps).view(batch, height * width, -1)
        kernel, stride, padding = self._geometry
        rows, columns = (
            (side - 1) * s + k - 2 * p
            for side, k, s, p in zip((height, width), *self._geometry, strict=True)
        )
        y = functional.fold(
            taps.transpose(1, 2),
            (rows, columns),
            kernel,
            padding=padding,
            stride=stride,
        )
        if self.bias is not None:
            y += self.bias
        # a flow that is passed to a finer level is concatenated with features there
        return (
            y.contiguous(memory_format=torch.channels_last) if self._transposed else y
        )


class DenseDecoder(nn.Module):
    """A `FlowDecoder` that stores features side by side instead of copying them.

    Parameters
    ----------
    decoder
        Decoder that it replaces.
    space
        Reusable memory for intermediate results.
    """

    def __init__(self, decoder: FlowDecoder, space: Workspace) -> None:
        super().__init__()
        self.dense = nn.ModuleList(
            _faster(layer, space) or layer for layer in decoder.dense
        )
        for name, head in decoder.named_children():
            if isinstance(head, (nn.Conv2d, nn.ConvTranspose2d)):
                self.add_module(name, FoldedConvolution(head))
        self.channels = decoder.channels
        self._space = space

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the flow ``(B, 2, h, w)``, in units of 20 px, and all features."""
        given = features.permute(0, 2, 3, 1)
        size = (*given.shape[:3], self.channels)
        every = torch.empty(size, device=given.device)
        every[..., self.channels - given.shape[3] :] = given
        tiling = choose_tiling(size[1], size[2])
        tiled = all(isinstance(layer, TiledConvolution) for layer in self.dense)
        if len(given) == 1 and tiling is not None and tiled:
            self._fill_by_tiles(every, given.shape[3], tiling)
            seen = every.permute(0, 3, 1, 2)
            # valid until this memory is reused
            setattr(seen, KNOWN, (tiling, self._space.turn("dense")))
        else:
            self._fill(every, given.shape[3])
            seen = every.permute(0, 3, 1, 2)
        return self.predict(seen), seen  # type: ignore[operator]

    def _fill(self, every: Tensor, known: int) -> None:
        for layer in self.dense:
            begin = every.shape[3] - known
            made = layer(every[..., begin:].permute(0, 3, 1, 2))
            known += made.shape[1]
            every[..., begin - made.shape[1] : begin] = made.permute(0, 2, 3, 1)

    def _fill_by_tiles(self, every: Tensor, known: int, tiling: Tiling) -> None:
        """Do the same by tiles; the tiles of a feature serve all later layers."""
        tiles = self._space.take("dense", tiling.side**2, tiling.count, every.shape[3])
        new = slice(every.shape[3] - known, every.shape[3])
        for layer in self.dense:
            to_tiles(every[0, ..., new], tiling, tiles[..., new], self._space)
            made = cast("TiledConvolution", layer).of_tiles(
                tiles[..., new.start :], tiling
            )
            new = slice(new.start - made.shape[1], new.start)
            every[..., new] = made.permute(0, 2, 3, 1)
        to_tiles(every[0, ..., new], tiling, tiles[..., new], self._space)


def _known_tiles(features: Tensor, tiling: Tiling, space: Workspace) -> Tensor | None:
    """Return the tiles of a `DenseDecoder`'s features; None if no longer in memory."""
    if getattr(features, KNOWN, None) != (tiling, space.turn("dense")):
        return None
    shape = (tiling.side**2, tiling.count, features.shape[1])
    return space.again("dense", *shape)
