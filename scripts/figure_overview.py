"""Make docs/images/overview.png: the whole path on one synthetic loop.

    python scripts/figure_overview.py            # a few minutes on two cores
    python scripts/figure_overview.py --method dis

Frame, flow, embedding, similarity and masks are what the program gives with the
settings below; only the truth that is drawn beside them is known beforehand.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
from coronary_loop import coronary_loop, moving_point
from matplotlib import pyplot as plt

from napari_motionseg import estimate_flow, finetune, pretrain, segment, synthesize_cine
from napari_motionseg.embedding import embed_frame, random_projection, similarity_map
from napari_motionseg.io import Labels
from napari_motionseg.models import UNetConfig, load_model
from napari_motionseg.motion import FlowSettings, color_wheel, flow_to_rgb
from napari_motionseg.motion.colors import hue_circle
from napari_motionseg.segmentation import FinetuneSettings, dice
from napari_motionseg.training import PretrainSettings, TrainingSettings

OUT = Path(__file__).parents[1] / "docs" / "images" / "overview.png"
SEED = 7
SIZE = 320
SHOWN, LABELLED = 11, 8
VESSEL = (1.0, 0.36, 0.2)
INK, CROSS = "#222222", "#35e0ff"
PANELS = ("frame", "flow", "embedding", "similarity", "segmentation")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", default="pwcnet")
    parser.add_argument("--weights")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    config = coronary_loop(size=SIZE, frames=14, tree="left")
    synthetic = synthesize_cine(config, options.seed)
    flow = FlowSettings(method=options.method, weights=options.weights)
    with tempfile.TemporaryDirectory() as folder:
        pictures, score = go(synthetic, flow, options.steps, Path(folder))
    draw(pictures, score, options.out)


def go(synthetic, flow: FlowSettings, steps: int, folder: Path):
    """Return the five pictures ``(H, W, 3)`` and the Dice of the shown frame."""
    cine = synthetic.cine
    network = UNetConfig(flat_field=True)
    embedding = pretrain(
        [cine],
        PretrainSettings(steps=steps, crop=192, network=network, flow=flow),
        out=folder / "embedding.safetensors",
    )
    labelled = np.arange(len(cine)) == LABELLED
    recipe = FinetuneSettings.tuned()
    vessel = finetune(
        [(cine, Labels(synthetic.masks, labelled))],
        FinetuneSettings(
            steps=steps,
            loss=recipe.loss,
            batch=recipe.batch,
            crop=192,
            training=TrainingSettings(steps=steps, schedule="cosine"),
        ),
        start=embedding,
        out=folder / "vessel.safetensors",
    )
    frame = cine.normalized(SHOWN)
    gray = np.repeat(stretched(frame)[..., None], 3, axis=-1)
    flows = estimate_flow(cine, method=flow.method, weights=flow.weights)
    moved = flows.forward[SHOWN]
    features = embed_frame(load_model(embedding)[0], frame)
    anchor = moving_point(moved, synthetic.masks[SHOWN])
    mask = segment(cine, vessel, frames=[SHOWN]).masks[SHOWN] > 0
    truth = synthetic.masks[SHOWN]
    likeness = mpl.colormaps["magma"](rising(similarity_map(features, anchor)))[..., :3]
    pictures = {
        "frame": gray,
        "flow": with_wheel(flow_to_rgb(moved) / 255),
        "embedding": random_projection(features, seed=8, orthogonal=True),
        "similarity": likeness,
        "segmentation": np.where(
            mask[..., None], 0.35 * gray + 0.65 * np.asarray(VESSEL), gray
        ),
        "anchor": anchor,
    }
    return pictures, dice(mask, truth)


def rising(similarity):
    """Map the least usual cosine to 0 and a cosine of 1 to 1."""
    low = np.percentile(similarity, 2)
    return np.clip((similarity - low) / (1 - low), 0, 1)


def stretched(frame):
    low, high = np.percentile(frame, (0.5, 99.5))
    return np.clip((frame - low) / (high - low), 0, 1)


def with_wheel(picture, side: int = 56, margin: int = 8):
    """Put the colour wheel into the lower right corner."""
    wheel = color_wheel(side) / 255
    alpha = wheel[..., 3:] if wheel.shape[-1] == 4 else np.ones((side, side, 1))
    corner = slice(-side - margin, -margin)
    picture = picture.copy()
    picture[corner, corner] = (
        alpha * wheel[..., :3] + (1 - alpha) * picture[corner, corner]
    )
    return picture


def draw(pictures, score: float, out: Path) -> None:
    titles = {
        "frame": "frame",
        "flow": "motion",
        "embedding": "embedding",
        "similarity": "similarity to +",
        "segmentation": f"segmentation, Dice {score:.2f}",
    }
    plt.rcParams["font.family"] = "DejaVu Sans"
    figure, axes = plt.subplots(1, 5, figsize=(16, 3.52), dpi=100)
    figure.subplots_adjust(0.004, 0.008, 0.996, 0.91, wspace=0.025)
    for axis, name in zip(axes, PANELS, strict=True):
        axis.imshow(pictures[name], interpolation="lanczos")
        axis.set_title(titles[name], fontsize=13, color=INK, pad=5)
        axis.set_axis_off()
    row, column = pictures["anchor"]
    axes[3].plot(column, row, "+", color=CROSS, markersize=13, markeredgewidth=2)
    figure.savefig(out, facecolor="white")
    plt.close(figure)
    quantized(out, pictures["embedding"])


def quantized(path: Path, embedding) -> None:
    """Store with a palette made of what the panels hold: a third of the bytes."""
    from PIL import Image

    gray = np.linspace(0, 1, 48)[:, None] * np.ones(3)
    marked = 0.35 * gray[::2] + 0.65 * np.asarray(VESSEL)
    hues = hue_circle()[::2]
    pale = [1 - length * (1 - hues) for length in (0.15, 0.35, 0.6, 1.0)]
    magma = mpl.colormaps["magma"](np.linspace(0, 1, 40))[:, :3]
    lines = [(1, 1, 1), mpl.colors.to_rgb(INK), mpl.colors.to_rgb(CROSS)]
    fixed = np.vstack((lines, gray, marked, *pale, magma))
    panel = Image.fromarray(np.round(embedding * 255).astype(np.uint8))
    rest = 256 - len(fixed)
    learnt = panel.quantize(rest).getpalette()[: 3 * rest]
    palette = Image.new("P", (1, 1))
    palette.putpalette([*np.round(fixed * 255).astype(int).ravel().tolist(), *learnt])
    with Image.open(path) as image:
        small = image.convert("RGB").quantize(
            palette=palette, dither=Image.Dither.FLOYDSTEINBERG
        )
    small.save(path, optimize=True)


if __name__ == "__main__":
    main()
