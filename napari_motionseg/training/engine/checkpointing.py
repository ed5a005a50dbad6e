"""Read and write the state of a training, from which it is resumed exactly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim import Optimizer

from napari_motionseg.errors import TrainingError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.damage import DAMAGE
from napari_motionseg.io.regular_files import is_regular
from napari_motionseg.models.checkpoints import write_tensors

HEADER = "motionseg-training-state"
WEIGHTS, MOMENTS, LOSSES = "weights/", "moments/", "losses"


@dataclass
class TrainingState:
    """State of a training between two steps.

    Parameters
    ----------
    step
        Number of completed steps.
    identity
        JSON values that must be equal to resume: settings, data, network.
    batch_size
        Number of pictures in a step; None if the task does not have a batch size.
    micro_batches
        Number of micro-batches in a step.
    losses
        Loss of every completed step.
    weights
        Parameters and buffers of the network, by name.
    moments
        Adam's ``step``, ``exp_avg`` and ``exp_avg_sq``, named ``<parameter>/<moment>``.
    """

    step: int
    identity: dict[str, Any]
    batch_size: int | None = None
    micro_batches: int = 1
    losses: list[float] = field(default_factory=list)
    weights: dict[str, Tensor] = field(default_factory=dict)
    moments: dict[str, Tensor] = field(default_factory=dict)


def write_state(path: Path, state: TrainingState) -> None:
    """Write `state` as safetensors, atomically.

    Raises
    ------
    WriteError
        If the folder cannot be written or the disk is full.
    """
    tensors = {WEIGHTS + name: plain(t) for name, t in state.weights.items()}
    tensors |= {MOMENTS + name: plain(t) for name, t in state.moments.items()}
    tensors[LOSSES] = torch.tensor(state.losses, dtype=torch.float64)
    header = {
        "step": state.step,
        "identity": state.identity,
        "batch_size": state.batch_size,
        "micro_batches": state.micro_batches,
    }
    with replacing(path) as temporary:
        write_tensors(tensors, temporary, {HEADER: json.dumps(header)})


def plain(tensor: Tensor) -> Tensor:
    """Return a contiguous copy of a tensor on the CPU, as the file format needs it."""
    return tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)


def state_path_of(out: Path) -> Path:
    """Return the path of the state of a training, beside its checkpoint `out`."""
    return out.with_name(out.name.removesuffix(".safetensors") + ".state.safetensors")


def weights_digest(model: nn.Module) -> str:
    """Return the SHA-256 of names, shapes and values of all weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        values = plain(tensor).numpy()
        digest.update(repr((name, values.shape, values.dtype.str)).encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def steps_done(path: Path) -> int:
    """Return the number of completed steps of the state at `path`.

    It is 0 if there is no state.
    """
    return read_state(path).step if path.exists() else 0


def read_state(path: Path) -> TrainingState:
    """Read a state that `write_state` wrote.

    Raises
    ------
    TrainingError
        If the file is damaged, or is not such a state.
    """
    try:
        if not is_regular(path):
            raise OSError("it is not a file")
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[HEADER])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return TrainingState(
            step=int(header["step"]),
            identity=dict(header["identity"]),
            batch_size=header["batch_size"],
            micro_batches=_micro_batches(header),
            losses=tensors[LOSSES].tolist(),
            weights=_part(tensors, WEIGHTS),
            moments=_part(tensors, MOMENTS),
        )
    except (SafetensorError, *DAMAGE) as error:
        raise TrainingError(
            f"{path}: is not a readable training state ({error}); delete it, or "
            "start without resume"
        ) from error


def _micro_batches(header: Mapping[str, Any]) -> int:
    """Return the number of micro-batches; states of early 2026 call it ``parts``."""
    return int(header.get("micro_batches", header.get("parts", 1)))


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n[len(prefix) :]: t for n, t in tensors.items() if n.startswith(prefix)}


def collect_moments(model: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    """Return Adam's moments by parameter name."""
    return {
        f"{name}/{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def restore_moments(
    model: nn.Module, optimizer: Optimizer, moments: Mapping[str, Tensor]
) -> None:
    """Give `optimizer` the moments that `collect_moments` returned."""
    parameters = dict(model.named_parameters())
    for path, saved in moments.items():
        name, _, key = path.rpartition("/")
        parameter = parameters[name]
        # The moments need the memory layout of the parameter (channels last), because
        # the fused optimizer visits all of them with one pointer.
        own = saved if key == "step" else torch.empty_like(parameter).copy_(saved)
        optimizer.state[parameter][key] = own.to(parameter.device)


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = ""
) -> list[str]:
    """Return sentences about the differences between two nested mappings."""
    found = []
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key} was {_short(old)}, is {_short(new)}")
    return found


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
