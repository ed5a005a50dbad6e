"""Mixed precision: bf16 where a device computes in it, and the layout that suits."""

from __future__ import annotations

import os
from typing import Literal

import torch
from torch import nn

Precision = Literal["auto", "float32", "bf16"]

VARIABLE = "MOTIONSEG_BF16"  # "off" makes the precision "auto" float32 everywhere

# bf16 on a processor without these runs, but is emulated and slower than float32
CPU_MATRIX_FEATURES = ("amx_bf16", "amx_tile")
CPU_BF16_FEATURES = ("avx512_bf16", *CPU_MATRIX_FEATURES)


def resolve_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the type that convolutions compute in: bfloat16 or float32.

    Parameters
    ----------
    precision
        ``"auto"`` is bf16 on CUDA devices and processors that have it in hardware,
        unless the environment variable ``MOTIONSEG_BF16`` is ``off``.
    device
        Where training runs.
    """
    if precision == "auto":
        wanted = os.environ.get(VARIABLE, "").strip().lower() != "off"
        return torch.bfloat16 if wanted and has_bf16(device) else torch.float32
    return torch.bfloat16 if precision == "bf16" else torch.float32


def has_bf16(device: torch.device) -> bool:
    """Return whether `device` multiplies bf16 matrices in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and _processor_has(*CPU_BF16_FEATURES)


def has_matrix_units() -> bool:
    """Return whether the processor has units of matrices (AMX), ten times faster."""
    return _processor_has(*CPU_MATRIX_FEATURES)


def _processor_has(*features: str) -> bool:
    # ATEN_CPU_CAPABILITY can keep torch from the units that a processor has
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    # torch has no public call for it in all versions that are supported
    checks = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in features)
    return any(bool(check()) for check in checks if check is not None)


def autocast(
    device: torch.device, dtype: torch.dtype | Precision = "auto"
) -> torch.autocast:
    """Return the context in which a forward pass computes in `dtype`.

    Parameters
    ----------
    device
        Where the model is.
    dtype
        bfloat16 or float32, or a precision by name, see `resolve_precision`.
    """
    if isinstance(dtype, str):
        dtype = resolve_precision(dtype, device)
    return torch.autocast(device.type, dtype, enabled=dtype is not torch.float32)


def place(model: nn.Module, device: torch.device) -> None:
    """Move `model` to `device`, channels last where convolutions run faster so.

    A network with ``plain_layout_on_cpu`` stays as it is there: its shifted products
    are slower channels last, by more than its convolutions gain.
    """
    plain = device.type == "cpu" and getattr(model, "plain_layout_on_cpu", False)
    if device.type in ("cpu", "cuda") and not plain:
        model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    else:
        model.to(device)
