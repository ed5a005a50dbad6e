"""Choose the device of a network, and recognize out-of-memory errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.environment import DEVICE, chosen_device
from napari_motionseg.errors import SettingsError

if TYPE_CHECKING:
    import torch

# messages of CPUs and Apple devices, which raise no special class
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def resolve_device(name: str = "auto") -> torch.device:
    """Return the device called `name`.

    Parameters
    ----------
    name
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; or ``"auto"`` for the device
        that the environment variable ``MOTIONSEG_DEVICE`` names, else CUDA, else MPS,
        else the CPU.

    Raises
    ------
    SettingsError
        If the device is unknown or not available.
    """
    import torch

    if name == "auto":
        chosen = chosen_device()
        if chosen == "auto":
            return _best_device()
        try:
            return resolve_device(chosen)
        except SettingsError as error:
            raise SettingsError(f"{DEVICE}: {error}") from error
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SettingsError(
            f"unknown device {name!r}; use auto, cpu, cuda, cuda:1 or mps"
        ) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SettingsError(
            f"device {name!r} is not available: torch finds no CUDA GPU; use 'cpu'"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise SettingsError(
            f"device {name!r} is not available: torch finds no MPS; use 'cpu'"
        )
    return device


def _best_device() -> torch.device:
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def known_devices() -> dict[str, str]:
    """Return a description of each device that can be chosen here, by its name.

    The first is ``"auto"``, then the CPU, then each GPU.
    """
    import torch

    try:
        best = f"auto ({str(resolve_device()).upper()})"
    except SettingsError:  # a job will say that there is no such device
        best = f"auto ({chosen_device()})"
    found = {"auto": best, "cpu": "CPU"}
    for index in range(torch.cuda.device_count()):
        name = torch.cuda.get_device_name(index)
        found[f"cuda:{index}"] = f"GPU {index}: {name}"
    if torch.backends.mps.is_available():
        found["mps"] = "GPU: Apple (MPS)"
    return found


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that a device or the computer ran out of memory."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(w in text for w in OUT_OF_MEMORY)
