"""Make docs/images/cube_grouping.jpg: cubes, their faces, what grouping made of them.

python benchmarks/cube_grouping.py --model /tmp/cube.safetensors
PYTHONPATH=benchmarks python scripts/figure_cube.py /tmp/cube.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

import numpy as np
from cube_grouping import Options, Pictures, picture_sets, scores_of
from matplotlib import pyplot as plt
from scipy.optimize import linear_sum_assignment

from napari_motionseg.models import UNet, load_model
from napari_motionseg.motion import flow_to_rgb

OUT = Path(__file__).parents[1] / "docs" / "images" / "cube_grouping.jpg"
EACH = 3  # pictures of a set
COLORS = np.array(
    [
        (0.87, 0.88, 0.9), (0.9, 0.35, 0.2), (0.2, 0.55, 0.85), (0.98, 0.75, 0.2),
        (0.35, 0.68, 0.4), (0.6, 0.4, 0.75), (0.3, 0.3, 0.35),
    ]
)  # fmt: skip
INK = "#555b66"  # reads on light and on dark pages


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="what the benchmark wrote")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    model, card = load_model(given.model)
    sets = picture_sets(Options(**card.provenance["settings"]))
    columns = [
        column for name, found in sets.items() for column in panels(name, model, found)
    ]
    plt.rcParams.update({"font.size": 9, "text.color": INK})
    names = ("picture", "its flow", "true faces", "segments")
    width = len(columns)
    figure, axes = plt.subplots(4, width, figsize=(1.15 * width + 0.2, 4.9))
    for i, (title, *pictures) in enumerate(columns):
        axes[0, i].set_title(title, fontsize=9, color=INK)
        for axis, picture in zip(axes[:, i], pictures, strict=True):
            axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
    for axis, name in zip(axes[:, 0], names, strict=True):
        axis.set_ylabel(name, color=INK)
    figure.tight_layout(pad=0.4)
    figure.savefig(given.out, dpi=110, pil_kwargs={"quality": 85})


def panels(name: str, model: object, pictures: Pictures) -> list[tuple]:
    """Return title, picture, flow, faces and segments of some pictures of a set.

    They are spread evenly over the set, whatever came of them.
    """
    spread = np.linspace(0, len(pictures.frames) - 1, EACH + 2)[1:-1].round()
    chosen = spread.astype(int)
    labels = scores_of(cast("UNet", model), pictures.frames[chosen]).argmax(dim=1)
    found = []
    for place, (i, segments) in enumerate(zip(chosen, labels.numpy(), strict=True)):
        faces = numbered(pictures.faces[i].numpy())
        title = name if place == EACH // 2 else ""
        flow = flow_to_rgb(pictures.flow[i].numpy())
        shown = COLORS[faces], COLORS[matched(segments, faces)]
        found.append((title, pictures.frames[i], flow, *shown))
    return found


def numbered(faces: np.ndarray) -> np.ndarray:
    """Return the visible parts numbered from 0, the wall first."""
    numbers = np.unique(faces, return_inverse=True)[1]
    return numbers.reshape(faces.shape)


def matched(segments: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return segments numbered as the faces that they cover best, one to one."""
    count = len(COLORS)
    overlap = np.zeros((count, count))
    np.add.at(overlap, (segments.ravel(), faces.ravel()), 1)
    rows, columns = linear_sum_assignment(-overlap)
    return columns[np.argsort(rows)][segments]


if __name__ == "__main__":
    main()
