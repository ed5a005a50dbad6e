"""A pytest plugin that rounds otherwise, as another processor would.

    PYTHONPATH=scripts python -m pytest -p other_rounding

Every convolution and every linear layer gets its result changed in the last bits, by a
fixed pattern. A test that fails so rests on how one processor happens to round.
`MOTIONSEG_ROUNDING` names the pattern: an integer, 1 unless it is given.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor, nn

PATTERN = int(os.environ.get("MOTIONSEG_ROUNDING", "1"))
# units of the last place: sums of some hundred products differ so between processors
STRENGTH = {torch.float64: 8.0, torch.float32: 8.0, torch.bfloat16: 0.75}
LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def changed(layer: nn.Module, inputs: Any, output: Tensor) -> Tensor | None:
    """Return `output` with each value changed by less than its error of rounding.

    Pictures of one batch are changed alike, so that their number does not matter.
    """
    if not isinstance(layer, LAYERS) or output.dtype not in STRENGTH:
        return None
    unit = torch.finfo(output.dtype).eps * STRENGTH[output.dtype]
    count = torch.arange(output[0].numel(), dtype=torch.float64)
    pattern = torch.cos(count * (1.0 + PATTERN)).view(output.shape[1:])
    return output * (1 + unit * pattern).to(output.dtype)


def pytest_configure() -> None:
    """Change every layer of this process."""
    nn.modules.module.register_module_forward_hook(changed)
