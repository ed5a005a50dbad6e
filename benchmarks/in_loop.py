"""One painted frame of a real loop: pretrained start against scratch start.

Pretrains an embedding on the loops of some patients (their flow by the shipped
PWC-Net), fine-tunes from one frame of a loop of another patient, and compares with the
same fine-tuning from scratch, over several seeds. Reads the folder named by
``MOTIONSEG_DATA`` (``pN_cM.dcm`` with ``pN_cM_mask.npz``); writes JSON.

The masks there are a silver standard, made by another group's network: good for
comparing starts, not for an absolute accuracy.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import here_and_now
from real_loops import data_folder

from napari_motionseg.cine import Cine
from napari_motionseg.io import Labels, read_cine
from napari_motionseg.jobs import run
from napari_motionseg.motion import FlowSettings, estimate_flow_job
from napari_motionseg.segmentation import FinetuneSettings, finetune_job, segment_job
from napari_motionseg.segmentation.metrics import dice
from napari_motionseg.training import (
    PretrainSettings,
    TrainingSettings,
    pretrain_job,
)


def main() -> None:
    options = parse_options()
    data = data_folder()
    truth = np.load(data / f"{options.loop}_mask.npz")
    cine = read_cine(data / f"{options.loop}.dcm")
    room = options.room or Path(tempfile.mkdtemp())
    room.mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    flow = run(estimate_flow_job(cine, FlowSettings()))
    flow_s = time.perf_counter() - begin
    pretrained, pretrain_s = pretrain_once(data, room, options)
    rows = [
        {"start": name, "seed": seed} | one_run(cine, truth, start, seed, room, options)
        for seed in range(options.seeds)
        for name, start in (("pretrained", pretrained), ("scratch", "scratch"))
    ]
    report = summary(rows) | {
        "loop": options.loop,
        "frame": options.frame,
        "flow_seconds": flow_s,
        "flow_pairs": len(flow),
        "pretrain_steps": options.pretrain_steps,
        "pretrain_seconds": pretrain_s,
        "finetune_steps": options.steps,
        "recipe": options.recipe,
        **here_and_now(),
        "runs": rows,
    }
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps({k: v for k, v in report.items() if k != "runs"}, indent=2))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loop", default="p6_c1")
    parser.add_argument("--frame", type=int, default=15)
    parser.add_argument("--patients", nargs="+", default=["p1", "p2", "p3", "p4"])
    parser.add_argument("--pretrain-steps", type=int, default=600)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--recipe", choices=["tuned", "paper"], default="tuned")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--room", type=Path, help="folder that keeps the checkpoints")
    parser.add_argument("--out", type=Path, default=Path("in_loop.json"))
    return parser.parse_args()


def pretrain_once(
    data: Path, room: Path, options: argparse.Namespace
) -> tuple[Path, float]:
    """Pretrain, or take what an earlier run left in `room`."""
    out = room / "embedding.safetensors"
    if out.exists():
        return out, float("nan")
    paths = [p for n in options.patients for p in sorted(data.glob(f"{n}_*.dcm"))]
    loops = [read_cine(path) for path in paths]
    print(f"pretraining on {len(loops)} loops, {sum(map(len, loops))} frames")
    settings = PretrainSettings(
        steps=options.pretrain_steps,
        network=FinetuneSettings.recipe(options.recipe).network,
        training=TrainingSettings(steps=options.pretrain_steps, schedule="cosine"),
    )
    start = time.perf_counter()
    last = 0.0

    def tell(progress) -> None:
        nonlocal last
        if time.perf_counter() - last > 15:
            last = time.perf_counter()
            print(progress.step, progress.total, progress.message, progress.metrics)

    run(pretrain_job(loops, settings, out=out, anyway=True), tell)
    return out, time.perf_counter() - start


def one_run(
    cine: Cine,
    truth: dict[str, np.ndarray],
    start: Path | str,
    seed: int,
    room: Path,
    options: argparse.Namespace,
) -> dict[str, float]:
    """Fine-tune from one frame; Dice on the other valid frames, and times."""
    mask, valid = truth["mask"], truth["valid"]
    labelled = np.zeros(len(cine), bool)
    labelled[options.frame] = True
    labels = Labels(mask.astype(np.int16), labelled, "dense")
    settings = FinetuneSettings.recipe(options.recipe)
    if options.steps is not None:
        settings = dataclasses.replace(settings, steps=options.steps)
    training = dataclasses.replace(settings.training, seed=seed)
    settings = dataclasses.replace(settings, training=training)
    out = room / f"{Path(start).stem}-{seed}.safetensors"
    begin = time.perf_counter()
    run(finetune_job([(cine, labels)], settings, start=start, out=out))
    trained = time.perf_counter()
    result = run(segment_job(cine, out))
    done = time.perf_counter()
    others = [t for t in np.flatnonzero(valid) if t != options.frame and mask[t].any()]
    scores = [float(dice(result.masks[t] == 1, mask[t])) for t in others]
    row = {
        "dice": float(np.mean(scores)),
        "dice_worst_frame": float(np.min(scores)),
        "frames": len(scores),
        "finetune_seconds": trained - begin,
        "segment_seconds": done - trained,
    }
    print(out.stem, row, flush=True)
    return row


def summary(rows: list[dict]) -> dict[str, float]:
    means = {
        name: [r["dice"] for r in rows if r["start"] == name]
        for name in ("pretrained", "scratch")
    }
    gain = np.subtract(means["pretrained"], means["scratch"])
    return {
        "dice_pretrained": float(np.mean(means["pretrained"])),
        "dice_scratch": float(np.mean(means["scratch"])),
        "gain_mean": float(gain.mean()),
        "gain_spread": float(gain.std(ddof=1)) if len(gain) > 1 else 0.0,
    }


if __name__ == "__main__":
    main()
