"""Choose mixed precision: bf16 where hardware supports it, with a suitable layout."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch
    from torch import nn


Precision = Literal["auto", "float32", "bf16"]

# environment variable; "off" makes the precision "auto" float32
VARIABLE = "MOTIONSEG_BF16"

# without these features, bf16 on a CPU is emulated and slower than float32
CPU_MATRIX_FEATURES = ("amx_bf16", "amx_tile")
CPU_BF16_FEATURES = ("avx512_bf16", *CPU_MATRIX_FEATURES)


def resolve_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the data type of convolutions: bfloat16 or float32.

    Parameters
    ----------
    precision
        ``"auto"`` is bf16 on CUDA devices and on CPUs that support it in hardware,
        unless the environment variable ``MOTIONSEG_BF16`` is ``off``.
    device
        Device on which the network runs.
    """
    import torch

    if precision == "auto":
        wanted = os.environ.get(VARIABLE, "").strip().lower() != "off"
        return torch.bfloat16 if wanted and has_bf16(device) else torch.float32
    return torch.bfloat16 if precision == "bf16" else torch.float32


def has_bf16(device: torch.device) -> bool:
    """Return whether `device` multiplies bf16 matrices in hardware."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and _processor_has(*CPU_BF16_FEATURES)


def has_matrix_units() -> bool:
    """Return whether the CPU has matrix units (AMX), which are ten times faster."""
    return _processor_has(*CPU_MATRIX_FEATURES)


def _processor_has(*features: str) -> bool:
    import torch

    # ATEN_CPU_CAPABILITY can make torch ignore units that the CPU has
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    # not all supported torch versions have a public function for this
    checks = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in features)
    return any(bool(check()) for check in checks if check is not None)


def autocast(
    device: torch.device, dtype: torch.dtype | Precision = "auto"
) -> torch.autocast:
    """Return the context in which a forward pass computes in `dtype`.

    Parameters
    ----------
    device
        Device on which the network is.
    dtype
        bfloat16 or float32, or the name of a precision; see `resolve_precision`.
    """
    import torch

    if isinstance(dtype, str):
        dtype = resolve_precision(dtype, device)
    return torch.autocast(device.type, dtype, enabled=dtype is not torch.float32)


def place(model: nn.Module, device: torch.device) -> None:
    """Move `model` to `device`, with channels last if its convolutions run faster so.

    A network with ``plain_layout_on_cpu`` keeps its layout on a CPU: with channels
    last, its shifted products lose more time than its convolutions gain.
    """
    import torch

    plain = device.type == "cpu" and getattr(model, "plain_layout_on_cpu", False)
    if device.type in ("cpu", "cuda") and not plain:
        model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    else:
        model.to(device)
