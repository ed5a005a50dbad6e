"""Say which devices torch can compute on, and how."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psutil
import torch

from napari_motionseg.doctor.findings import Finding
from napari_motionseg.errors import SettingsError
from napari_motionseg.models.devices import resolve_device
from napari_motionseg.models.precision import has_bf16

GIBIBYTE = 2**30
# they change what is computed, where, or with how many threads
VARIABLES = (
    "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MOTIONSEG_BF16", "MOTIONSEG_DEVICE",
    "MOTIONSEG_MEMORY",
)  # fmt: skip


def processor_findings() -> Iterator[Finding]:
    """Yield the processor, each GPU, and what ``--device auto`` takes."""
    cpu = torch.device("cpu")
    instructions = torch.backends.cpu.get_cpu_capability()
    yield Finding(
        "cpu",
        f"{psutil.cpu_count(logical=False) or '?'} cores, {torch.get_num_threads()} "
        f"threads of torch, {instructions}, bf16 {'yes' if has_bf16(cpu) else 'no'}",
    )
    yield from _cuda()
    if torch.backends.mps.is_available():
        yield Finding("mps", "Apple GPU")
    yield _automatic()
    for name in VARIABLES:
        if name in os.environ:
            yield Finding(name, os.environ[name])


def _cuda() -> Iterator[Finding]:
    built = torch.version.cuda
    if built is None:
        yield Finding("cuda", "this torch is built for processors alone")
        return
    if not torch.cuda.is_available():
        yield Finding(
            "cuda", f"torch is built for CUDA {built} and finds no GPU", "note",
            "with an NVIDIA GPU: update its driver, or install the torch that fits it",
        )  # fmt: skip
        return
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        device = torch.device("cuda", index)
        yield Finding(
            f"cuda:{index}",
            f"{torch.cuda.get_device_name(index)}, CUDA {built}, "
            f"{free / GIBIBYTE:.1f} of {total / GIBIBYTE:.1f} GiB free, "
            f"bf16 {'yes' if has_bf16(device) else 'no'}",
        )


def _automatic() -> Finding:
    try:
        return Finding("device auto", str(resolve_device("auto")))
    except SettingsError as error:
        return Finding(
            "device auto", str(error), "broken", "change or unset MOTIONSEG_DEVICE"
        )
