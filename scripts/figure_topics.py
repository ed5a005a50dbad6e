"""Make the pictures of the pages: kernels, labels, colours of flow.

python scripts/figure_topics.py            # all of them, half a minute
python scripts/figure_topics.py kernels
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from coronary_loop import coronary_loop
from matplotlib import pyplot as plt
from stroke_routes import background_routes, vessel_routes

from napari_motionseg import synthesize_cine
from napari_motionseg.motion import color_wheel, flow_to_rgb

OUT = Path(__file__).parents[1] / "docs" / "images"
VESSEL, GROUND = "#ff5c33", "#35a7ff"
INK = "#555b66"  # reads on light and on dark pages
SEED, STROKE_PX = 8, 60  # of the labelled frame and its strokes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*FIGURES, []], default=[])
    names = parser.parse_args().names or list(FIGURES)
    OUT.mkdir(parents=True, exist_ok=True)
    plt.rcParams.update(
        {
            "font.size": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "text.color": INK,
        }
    )
    for name in names:
        figure = FIGURES[name]()
        figure.savefig(OUT / f"{name}.png", dpi=130, facecolor="white")
        plt.close(figure)
        if name in PHOTOGRAPHIC:
            quantized(OUT / f"{name}.png")


PHOTOGRAPHIC = ("labels",)


def quantized(path: Path) -> None:
    """Store with a palette: a third of the bytes, and nothing to be seen of it."""
    from PIL import Image

    with Image.open(path) as image:
        small = image.convert("RGB").quantize(256)
    small.save(path, optimize=True)


def kernels() -> plt.Figure:
    """Similarity of embeddings over their cosine; similarity of flows."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.1))
    cosine = np.linspace(-1, 1, 401)
    left.plot(cosine, (1 + cosine) / 2, color=VESSEL, lw=2.2, label="shifted-cosine")
    soft = np.exp((cosine - 1) / 0.1)
    left.plot(cosine, soft, color=GROUND, lw=2.2, label="softmax, τ = 0.1")
    left.plot(cosine, cosine, "--", color=INK, lw=1.2, label="as printed: c")
    left.axhspan(-1, 0, color="#f3d6d0", lw=0)
    left.text(0.3, -0.62, "no probability", fontsize=9)
    left.set_xticks((-1, -0.5, 0, 0.5, 1))
    left.set(xlabel="cosine c of two embeddings", ylim=(-1, 1.05), xlim=(-1, 1))
    left.set_title("similarity of embeddings (eq. 4)", fontsize=10)
    left.legend(frameon=False, fontsize=9, loc="upper left")
    difference = np.linspace(0, 8, 401)
    for length, shade in ((0.0, 0.3), (1.0, 0.5), (2.0, 0.75), (5.0, 1.0)):
        similar = np.exp(-(difference**2) / (2 * 0.5**2 * (length**2 + 1)))
        right.plot(
            difference, similar, color=VESSEL, alpha=shade, lw=2, label=f"{length:g} px"
        )
    right.set(xlabel="difference of two flows, px", ylim=(0, 1.05), xlim=(0, 8))
    right.set_title("similarity of flows (eq. 6), by the flow at p", fontsize=10)
    right.legend(frameon=False, fontsize=9, title="length of the flow")
    figure.tight_layout(w_pad=3)
    return figure


def labels() -> plt.Figure:
    """One frame, labelled in the two ways."""
    config = coronary_loop(size=256, frames=1, tree="right", bolus=False)
    synthetic = synthesize_cine(config, SEED)
    frame, mask = synthetic.cine.normalized(0), synthetic.masks[0]
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.8))
    titles = (
        "dense: 0 background, 1 vessel",
        "scribbles: 0 unlabelled, 1 background, 2 vessel",
    )
    for axis, title in zip(axes, titles, strict=True):
        axis.imshow(stretched(frame), cmap="gray", interpolation="lanczos")
        axis.set_title(title, fontsize=10)
        axis.set_axis_off()
    axes[0].imshow(overlay(mask, VESSEL, 0.75))
    painted = {
        VESSEL: vessel_routes(mask, 2, STROKE_PX),
        GROUND: background_routes(mask, 2, STROKE_PX),
    }
    for color, strokes in painted.items():
        for rows, columns in (stroke.T for stroke in strokes):
            axes[1].plot(columns, rows, color=color, lw=3.5, solid_capstyle="round")
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.92, wspace=0.03)
    return figure


def flow_colors() -> plt.Figure:
    """The legend, and a field that contracts and turns, as a heart does."""
    y, x = np.mgrid[:256, :256].astype(np.float32)
    around = np.stack((x - 128, y - 128))
    flow = -0.05 * around + 0.035 * np.stack((-around[1], around[0]))
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.7))
    left.imshow(color_wheel(400), extent=(-1, 1, 1, -1))
    words = {"right": (1.24, 0), "down": (0, 1.16), "left": (-1.24, 0), "up": (0, -1.1)}
    for word, place in words.items():
        left.text(*place, word, ha="center", va="center")
    left.set(xlim=(-1.45, 1.45), ylim=(1.3, -1.3))
    maximum = float(np.linalg.norm(flow, axis=0).max())
    right.imshow(flow_to_rgb(flow, maximum))
    y, x = np.mgrid[16:256:32, 16:256:32]
    arrows = {"angles": "xy", "scale_units": "xy", "scale": 0.4, "width": 0.005}
    right.quiver(x, y, *flow[:, y, x], color="#222", **arrows)
    right.set_title(f"full colour: {maximum:.1f} px", fontsize=10)
    for axis in (left, right):
        axis.set_axis_off()
    figure.subplots_adjust(0.01, 0.02, 0.99, 0.92, wspace=0.05)
    return figure


def stretched(frame):
    low, high = np.percentile(frame, (0.5, 99.5))
    return np.clip((frame - low) / (high - low), 0, 1)


def overlay(mask, color: str, opacity: float):
    from matplotlib.colors import to_rgba

    picture = np.zeros((*mask.shape, 4))
    picture[mask] = to_rgba(color, opacity)
    return picture


FIGURES = {
    "kernels": kernels,
    "labels": labels,
    "flow_colors": flow_colors,
}

if __name__ == "__main__":
    main()
