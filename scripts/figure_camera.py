"""Make the pictures of docs/synthesis.md that show what cameras and consoles do.

python scripts/figure_camera.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from matplotlib import pyplot as plt
from torch import Tensor
from torch.nn import functional

from napari_motionseg.synthesis import Stills, training_stills
from napari_motionseg.synthesis.camera import CameraConfig, photograph
from napari_motionseg.training.masks.settings import MaskTrainingSettings

OUT = Path(__file__).parents[1] / "docs" / "images"
SIDE, SEED = 256, 7
PLAIN = CameraConfig(
    noise=(1e-4, 1e-4), film=0, streaks=0, blur=(0, 0), enhancement=(0, 0), trail=0,
    contrast=(1, 1), gamma=0, brightness=0, field=0, lines=0, jpeg=(100, 100),
)  # fmt: skip
NOISY = {"noise": (0.02, 0.02), "correlation": (0.6, 0.6)}
CHANGES = {
    "as made": {},
    "quantum noise": NOISY,
    "streaks": NOISY | {"streaks": 1},
    "film": NOISY | {"film": 1},
    "edge enhancement": {"enhancement": (2, 2), "noise": (0.008, 0.008)},
    "contrast 0.5": {"contrast": (0.5, 0.5)},
    "JPEG 30": {"jpeg": (30, 30)},
    "field of view": {"field": 1},
    "devices": {
        "lines": 3, "depth": (0.1, 0.1), "kinds": ("catheter", "wire", "cable"),
    },
    "spine": {"lines": 2, "depth": (0.12, 0.12), "kinds": ("spine",)},
}  # fmt: skip


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    plt.rcParams.update({"font.size": 9, "text.color": "#555b66"})
    stills = training_stills(
        12, 512, SEED, MaskTrainingSettings.recipe("cameras").synthesis
    )
    for name, figure in (("grid", grid(stills)), ("parameters", parameters(stills))):
        figure.savefig(OUT / f"camera_{name}.jpg", dpi=110, pil_kwargs={"quality": 82})


def window(stills: Stills, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return a window as a training draws it, ``(1, H, W)``, and its masks."""
    low, high = MaskTrainingSettings.recipe("cameras").zoom
    zoom = low + (high - low) * float(torch.rand((), generator=generator))
    side = round(SIDE * zoom)
    number = int(torch.randint(len(stills.pictures), (), generator=generator))
    layers = torch.stack([part[number].float() for part in stills])
    room = layers.shape[-1] - side + 1
    row, column = torch.randint(room, (2,), generator=generator).tolist()
    part = layers[None, :, row : row + side, column : column + side]
    resized = functional.interpolate(
        part, (SIDE, SIDE), mode="bilinear", antialias=True
    )
    return resized[:, 0], resized[:, 1:]


def grid(stills: Stills) -> plt.Figure:
    """Twenty windows, drawn at random, with what a network shall find."""
    generator = torch.Generator().manual_seed(SEED)
    figure, rows = plt.subplots(4, 5, figsize=(10, 8.1))
    for axes in rows.flat:
        shown, masks = photograph(*window(stills, generator), CameraConfig(), generator)
        axes.imshow(shown[0], cmap="gray", vmin=0, vmax=1)
        for mask, color in zip(masks[0], ("#ff5a5a", "#ffd23f"), strict=True):
            if bool((mask > 0.5).any()):
                axes.contour(mask, levels=[0.5], colors=color, linewidths=0.5)
        axes.axis("off")
    figure.tight_layout(pad=0.3)
    return figure


def parameters(stills: Stills) -> plt.Figure:
    """One scene, one condition changed at a time."""
    best = int(stills.masks.flatten(1).sum(dim=1).argmax())
    part = [part[best : best + 1, 128:384, 128:384] for part in stills]
    masks = torch.stack(part[1:], dim=1).float()
    figure, rows = plt.subplots(2, 5, figsize=(10, 4.3))
    for axes, (words, changed) in zip(rows.flat, CHANGES.items(), strict=True):
        config = CameraConfig(**{**vars(PLAIN), **changed})
        generator = torch.Generator().manual_seed(SEED)
        shown, _ = photograph(part[0], masks, config, generator)
        axes.imshow(shown[0], cmap="gray", vmin=0, vmax=1)
        axes.set_title(words, fontsize=9, pad=3)
        axes.axis("off")
    figure.tight_layout(pad=0.4, h_pad=0.6)
    return figure


if __name__ == "__main__":
    main()
