"""Tell what every task says of a loop."""

from __future__ import annotations

from typing import Any

from napari_motionseg.cine import Cine


def loop_facts(cine: Cine) -> dict[str, Any]:
    """Return name, size and bases of a loop; no attribute of the patient.

    Parameters
    ----------
    cine
        The loop.
    """
    return {
        "loop": cine.name,
        "frames": len(cine),
        "rows": cine.shape[1],
        "columns": cine.shape[2],
        "damaged_frames": len(cine.frames.damaged),
        "spacing_basis": cine.spacing_basis,
        "timing_basis": cine.timing_basis,
    }
