"""Estimate the flow of the loops of a place."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_motionseg.batch.loop_facts import loop_facts
from napari_motionseg.batch.records import Draft
from napari_motionseg.batch.thumbnails import THUMBNAIL, write_thumbnail
from napari_motionseg.cine import Cine
from napari_motionseg.io.result_folders import fingerprint
from napari_motionseg.jobs import run
from napari_motionseg.models.model_card import regular_file
from napari_motionseg.motion import FlowSequence, FlowSettings, estimate_flow_job

TAIL = "_flow.npz"
LONG_PERCENTILE = 99


@dataclass(frozen=True)
class FlowTask:
    """Settings of a flow, which another process can be sent.

    Parameters
    ----------
    flow
        Method, gap, directions and device.
    """

    flow: FlowSettings = field(default_factory=FlowSettings)

    def settings(self) -> dict[str, Any]:
        """Return the JSON values that the results depend on."""
        given = {"task": "flow", **dataclasses.asdict(self.flow)}
        del given["device"]
        if self.flow.weights is not None:
            path = Path(self.flow.weights)
            given |= {
                "weights": path.name,
                "weights_sha256": fingerprint(regular_file(path))[1],
            }
        return given

    def run(self, cine: Cine, key: str, draft: Draft) -> dict[str, Any]:
        """Estimate the flow of a loop, write it, and return its facts.

        Parameters
        ----------
        cine
            The loop.
        key
            Key of its place.
        draft
            Where the flow is written to.
        """
        found = run(estimate_flow_job(cine, self.flow))
        _write(draft.path(cine.name, key, TAIL), found)
        told = facts(cine, found)
        write_thumbnail(draft.path(cine.name, key, THUMBNAIL), cine, told["fastest"])
        return told


def facts(cine: Cine, flow: FlowSequence) -> dict[str, Any]:
    """Return what the table says of a loop's flow.

    Parameters
    ----------
    cine
        The loop.
    flow
        Its flow.
    """
    forward = np.asarray(flow.forward, np.float32)
    lengths = np.hypot(forward[:, 0], forward[:, 1])
    known = [t for t in range(len(flow)) if t not in flow.missing]
    means = lengths.mean(axis=(1, 2))
    interval = cine.frame_interval
    return {
        **loop_facts(cine),
        "method": flow.method,
        "gap": flow.gap,
        "gap_ms": None if interval is None else round(flow.gap * interval, 2),
        "pairs": len(flow),
        "missing_pairs": len(flow.missing),
        "median_px": round(float(np.median(lengths[known])), 3),
        "p99_px": round(float(np.percentile(lengths[known], LONG_PERCENTILE)), 3),
        "fastest": int(max(known, key=lambda t: means[t])),
    }


def _write(path: Path, flow: FlowSequence) -> None:
    arrays: dict[str, Any] = {
        "forward": np.asarray(flow.forward, np.float16),
        "gap": flow.gap,
        "missing": np.array(sorted(flow.missing), np.int64),
    }
    if flow.backward is not None:
        arrays["backward"] = np.asarray(flow.backward, np.float16)
    np.savez_compressed(path, **arrays)
