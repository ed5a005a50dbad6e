"""Initialize a flow network so that training makes progress from the first step.

With the random weights of its layers, a PWC-Net predicts no motion for thousands of
steps, because its signals fade from layer to layer. Here each convolution is scaled so
that its output has mean 0 and variance 1 (Mishkin & Matas, 2016, All you need is a good
init), and each level initially passes on the flow of the level above.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from napari_motionseg.models.layered_pwcnet import LayerDecoder, LayeredPWCNet
from napari_motionseg.models.pwcnet import SLOPE, FlowDecoder, FlowNet, PWCNet

LEAST_DEVIATION = 1e-4  # a channel that varies less is not scaled


@torch.no_grad()
def initialize_weights(
    model: FlowNet,
    pictures: Tensor,
    generator: torch.Generator,
    kept: tuple[str, ...] = (),
) -> None:
    """Draw weights with which the output of each layer has mean 0 and variance 1.

    Parameters
    ----------
    model
        Network that is changed in place; it then predicts zero flow.
    pictures
        Some pairs ``(B, 2, H, W)`` in [0, 1]; their sides are multiples of 64.
    generator
        Generator of the random weights.
    kept
        Prefixes of the names of modules that keep their weights, because they are
        trained.
    """
    hooks = []
    heads = _layer_heads(model)
    for name, module in model.named_modules():
        if name.startswith(kept) and kept:
            continue
        if module in heads:
            module.weight.zero_()
            _bias(module).zero_()
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, a=SLOPE, generator=generator)
            _bias(module).zero_()
            hooks.append(module.register_forward_hook(_Standardisation()))
        elif isinstance(module, nn.ConvTranspose2d):
            nn.init.kaiming_uniform_(module.weight, a=5**0.5, generator=generator)
            _bias(module).zero_()
    first, second = pictures[:, :1], pictures[:, 1:]
    model.decode(model.pyramid(first), model.pyramid(second))
    for hook in hooks:
        hook.remove()
    if isinstance(model, PWCNet):
        _hand_flow_on(model)


def _layer_heads(model: FlowNet) -> list[nn.Conv2d]:
    """Return the layers that predict a correction of the flow, which begins at 0."""
    if not isinstance(model, LayeredPWCNet):
        return []
    return [cast("LayerDecoder", level).predict for level in model.levels.values()]


class _Standardisation:
    """Forward hook that scales a convolution by its first output."""

    def __init__(self) -> None:
        self.done = False

    def __call__(self, module: nn.Conv2d, inputs: Any, output: Tensor) -> Tensor:
        if self.done:
            return output
        self.done = True
        deviation, mean = torch.std_mean(output, dim=(0, 2, 3), correction=0)
        scale = torch.where(deviation < LEAST_DEVIATION, 1.0, 1 / deviation)
        module.weight.mul_(scale[:, None, None, None])
        _bias(module).copy_(-mean * scale)
        return (output - mean[:, None, None]) * scale[:, None, None]


def _hand_flow_on(model: PWCNet) -> None:
    """Make each level output the flow of the level above, and the coarsest one zero."""
    decoders = [cast("FlowDecoder", module) for module in model.decoders.values()]
    heads = [decoder.predict for decoder in decoders]
    heads.append(cast("nn.Conv2d", model.context[-1]))
    for head in heads:
        head.weight.zero_()
        _bias(head).zero_()
    for decoder in decoders[:-1]:
        _enlarge_bilinearly(decoder.upflow)
    for decoder in decoders[1:]:
        # the input of a decoder ends with flow (2) and hidden features (2) from above
        flow_at = decoder.channels - 4
        for axis in range(2):
            decoder.predict.weight[axis, flow_at + axis, 1, 1] = 1.0


def _enlarge_bilinearly(module: nn.ConvTranspose2d) -> None:
    """Make a 4 x 4 transposed convolution double the sides of a flow bilinearly."""
    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    module.weight.zero_()
    for axis in range(2):
        module.weight[axis, axis] = line[:, None] * line
    _bias(module).zero_()


def _bias(module: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    bias = module.bias
    if bias is None:
        raise TypeError("every convolution of PWC-Net must have a bias")
    return bias
