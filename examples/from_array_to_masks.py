"""From an array to masks: no file is read, the loop is synthetic, the steps are few.

    python examples/from_array_to_masks.py OUT

With your own data: frames (T, H, W), times in ms, and one painted frame.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from napari_motionseg import Cine, SynthesisConfig, finetune, pretrain, segment
from napari_motionseg.io import Labels, write_masks
from napari_motionseg.models import UNetConfig
from napari_motionseg.motion import FlowSettings
from napari_motionseg.segmentation import FinetuneSettings, evaluate
from napari_motionseg.synthesis import synthesize_cine
from napari_motionseg.training import PretrainSettings, TrainingSettings


def main(folder: Path, steps: int = 60) -> float:
    """Write embedding, network and masks to `folder`; return the mean Dice."""
    folder.mkdir(parents=True, exist_ok=True)
    synthetic = synthesize_cine(SynthesisConfig(size=128, frames=8, bolus=False), 2)
    pixels = synthetic.cine.frames[:]  # (T, H, W) uint8: stands for your array
    cine = Cine.from_array(pixels, frame_times=np.arange(8) * 66.7)

    # learn from motion; for real loops leave `flow` and `network` at their defaults
    network = UNetConfig(width=8, depth=3, flat_field=True)
    flow = FlowSettings(method="ilk")
    how = {"background": "removed", "dilation": 2, "sigma": 0.25}  # a louder target
    motion = PretrainSettings(crop=64, options=how, network=network, flow=flow, steps=9)
    embedding = pretrain([cine], motion, out=folder / "embedding.safetensors")

    # one labelled frame, densely: what is not painted on it is background
    labelled = np.arange(len(cine)) == 4
    labels = Labels(synthetic.masks, labelled)
    training = TrainingSettings(steps, learning_rate=3e-3, schedule="cosine")
    few = FinetuneSettings(steps=steps, loss="bce+dice", crop=96, training=training)
    vessel = folder / "vessel.safetensors"
    finetune([(cine, labels)], few, start=embedding, out=vessel)

    # masks of every frame, measured on those that were not labelled
    result = segment(cine, vessel)
    write_masks(folder / "masks.npz", result.masks, frame_times=cine.frame_times)
    scores = evaluate(result.masks, synthetic.masks, valid=~labelled).mean()
    print("  ".join(f"{name} {value:.2f}" for name, value in scores.items()))
    return scores["dice"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", nargs="?", default="example-out", type=Path)
    try:
        main(parser.parse_args().out)
    except OSError as error:  # a folder that cannot be
        parser.error(str(error))
