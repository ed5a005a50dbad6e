"""Hold the results of the demo: files, agreement with the truth, times."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.segmentation import Evaluation

METRICS = ("dice", "cldice", "hd95")


@dataclass(frozen=True)
class DemoFiles:
    """Paths of the files that the demo writes."""

    folder: Path

    def __getitem__(self, name: str) -> Path:
        return self.folder / FILES[name]


FILES = {
    "cine": "cine.dcm",
    "truth": "truth.npz",
    "labels": "labels.npz",
    "flow": "flow.zarr",
    "embedding": "embedding.safetensors",
    "vessel": "vessel.safetensors",
    "masks": "masks.npz",
    "movie": "overlay.mp4",
    "report": "report.html",
}


@dataclass(frozen=True, eq=False)
class DemoResult:
    """Files and scores of a demo.

    Parameters
    ----------
    files
        Paths of all files.
    evaluation
        Metrics against the truth, on all frames except the labelled one.
    filled
        Which of these frames contain vessel in truth. Before contrast agent arrives
        there is none, and a single wrong pixel makes the Dice 0.
    labelled_frame
        Index of the labelled frame.
    times
        Seconds of each stage.
    """

    files: DemoFiles
    evaluation: Evaluation
    filled: NDArray[np.bool_]
    labelled_frame: int
    times: dict[str, float]

    def mean(self) -> dict[str, float]:
        """Return the mean of each metric over the frames that contain vessel."""
        metrics = {name: getattr(self.evaluation, name) for name in METRICS}
        return {name: float(v[self.filled].mean()) for name, v in metrics.items()}

    def row(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            **{name: str(self.files[name]) for name in FILES},
            "labelled_frame": self.labelled_frame,
            **self.mean(),
            "dice_all_frames": self.evaluation.mean()["dice"],
            "frames": self.evaluation.rows(),
            "seconds": self.times,
        }

    def lines(self) -> list[tuple[str, str]]:
        """Return names and values for the user."""
        return [
            *headlines(self),
            ("Dice, also before the contrast", f"{self.evaluation.mean()['dice']:.3f}"),
            ("time", f"{sum(self.times.values()):.0f} s"),
            ("report", str(self.files["report"])),
            ("masks", str(self.files["masks"])),
            ("movie", str(self.files["movie"])),
        ]


def headlines(result: DemoResult) -> list[tuple[str, str]]:
    """Return names and values of the metrics, for frames that contain vessel."""
    mean = result.mean()
    return [
        (f"Dice, {result.filled.sum()} other frames", f"{mean['dice']:.3f}"),
        ("clDice", f"{mean['cldice']:.3f}"),
        ("HD95", f"{mean['hd95']:.2f} {result.evaluation.unit}"),
    ]
