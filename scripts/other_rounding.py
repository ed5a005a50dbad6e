"""A pytest plugin that rounds otherwise, as another processor would.

    PYTHONPATH=scripts python -m pytest -p other_rounding

Every convolution and every linear layer gets its result changed in the last bits, by a
fixed pattern. A test that fails so rests on how one processor happens to round.
`MOTIONSEG_ROUNDING` names the pattern: an integer, 1 unless it is given.

Tests that compare with the weights of a process of its own are skipped: there is no
plugin in that process, so it rounds as usual.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch
from torch import Tensor, nn

PATTERN = int(os.environ.get("MOTIONSEG_ROUNDING", "1"))
# units of the last place: sums of some hundred products differ so between processors
STRENGTH = {torch.float64: 8.0, torch.float32: 8.0, torch.bfloat16: 0.75}
LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
OTHER_PROCESS = (
    "test_a_kill_costs_at_most_the_steps_since_the_last_checkpoint",
    "test_the_same_batch_gives_the_same_curve_and_weights",
    "test_what_two_began_one_goes_on_with",
)


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what compares this process with another one."""
    skip = pytest.mark.skip(reason="compares with a process that rounds as usual")
    for item in items:
        if item.name.partition("[")[0] in OTHER_PROCESS:
            item.add_marker(skip)
