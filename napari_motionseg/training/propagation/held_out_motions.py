"""Score a propagation network on frames that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.models.precision import autocast
from napari_motionseg.models.propagation_models import PropagationModel
from napari_motionseg.training.propagation.propagation_task import Batch


def held_out_scores(
    model: PropagationModel, examples: Sequence[Batch]
) -> dict[str, float]:
    """Return the mean end-point error in px, and that of no motion at all.

    Parameters
    ----------
    model
        The network.
    examples
        One picture each, with its motions.
    """
    device = next(model.parameters()).device
    errors: list[Tensor] = []
    still: list[Tensor] = []
    with eval_mode(model), torch.inference_mode(), autocast(device, torch.float32):
        for example in examples:
            encoded = model.encode(example.pictures.to(device))
            found = model.flow(
                encoded,  # type: ignore[arg-type]
                example.sparse.to(device),
                example.clicked.to(device),
            ).cpu()
            errors.append(torch.linalg.vector_norm(found - example.flow, dim=1))
            still.append(torch.linalg.vector_norm(example.flow, dim=1))
    return {
        "held_out_error_px": float(torch.cat(errors).mean()),
        "held_out_motion_px": float(torch.cat(still).mean()),
    }
