"""Frozen features at one label: a linear probe of each start, on real loops.

    MOTIONSEG_DATA=../angiodata python benchmarks/motion_probe.py START.safetensors ...

A probe of all draws takes a minute where fine-tuning takes an hour. Each start is
probed in 16 draws of one labelled frame of p1 to p4, and tested on the middle frame of
every second loop of p5 and p6. Rows of starts that are done are kept in the result.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import motion
import numpy as np
import torch
from machine import here_and_now, processor_name

RESULT = Path(__file__).parent / "results" / "motion_probe.json"
SAMPLE = 20_000  # pixels of a frame for the AUC
RIDGE = 0.03  # penalty, relative to the variance 1 of each feature
THRESHOLDS = np.linspace(0.7, 0.995, 60)  # quantiles of the labelled frame


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("starts", nargs="+")
    parser.add_argument("--draws", default="1-16")
    parser.add_argument("--test", default="p5,p6")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    learners, testers = motion.loops_of("real", options)
    testers = testers[::2]
    rows = json.loads(options.out.read_text())["rows"] if options.out.exists() else []
    for start in options.starts:
        name = Path(start).name.removesuffix(".safetensors")
        rows = [row for row in rows if row["method"] != name]
        rows += rows_of(start, name, learners, testers, options.draws)
        found = {"rows": rows, "processor": processor_name()} | here_and_now()
        options.out.write_text(json.dumps(found) + "\n")
        auc = np.mean([row["auc"] for row in rows if row["method"] == name])
        print(name, f"AUC {auc:.3f}", flush=True)


def rows_of(
    start: str, name: str, learners: Any, testers: Any, draws: str
) -> list[dict[str, Any]]:
    """Return a row for each draw and test loop."""
    from napari_motionseg.evaluation.fewshot import draw_frames
    from napari_motionseg.models import load_model

    network = load_model(start)[0].train().to(memory_format=torch.channels_last)
    tests = [(loop, features(network, loop, t)) for loop, (t,) in testers]
    rows = []
    for draw in motion.draws_of(draws):
        ((number, (t,)),) = draw_frames(learners, 1, draw).items()
        learner = learners[number]
        seen = features(network, learner, t)
        truth = torch.from_numpy(learner.masks[t]).flatten()
        middle = seen.mean(dim=1, keepdim=True)
        weights = probe(seen - middle, truth)
        threshold = best_threshold(weights @ (seen - middle), truth)
        for (loop, shown), (_, (at,)) in zip(tests, testers, strict=True):
            scores, mask = weights @ (shown - middle), loop.masks[at].ravel()
            key = {"method": name, "labels": 1, "seed": draw, "loop": loop.name}
            rows.append(
                {**key, "group": loop.group, **measures(scores, mask, threshold)}
            )
    return rows


def features(network: Any, loop: Any, t: int) -> torch.Tensor:
    """Return the features ``(D, N)`` of a frame, each with deviation 1."""
    frame = torch.from_numpy(loop.cine.normalized(t))[None, None]
    frame = frame.to(memory_format=torch.channels_last)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = network(frame)[0].double().flatten(1)
    return (found - found.mean(1, keepdim=True)) / found.std(1, keepdim=True).clamp(
        min=1e-8
    )


def probe(seen: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return the weights ``(D,)`` of a balanced ridge regression."""
    share = truth.double().mean()
    balance = torch.where(truth, 0.5 / share, 0.5 / (1 - share)) / len(truth)
    moments = (seen * balance) @ seen.T + RIDGE * torch.eye(len(seen)).double()
    return torch.linalg.solve(moments, (seen * balance) @ (truth.double() * 2 - 1))


def best_threshold(scores: torch.Tensor, truth: torch.Tensor) -> float:
    """Return the threshold with the best Dice on the labelled frame."""
    found, mask = scores.numpy(), truth.numpy()
    candidates = np.quantile(found, THRESHOLDS)
    return float(max(candidates, key=lambda one: overlap(found > one, mask)))


def measures(
    scores: torch.Tensor, mask: np.ndarray, threshold: float
) -> dict[str, float]:
    """Return AUC and Dice of a test frame."""
    from napari_motionseg.embedding.separation import area_under_curve

    found = scores.numpy()
    some = np.random.default_rng(0).choice(len(found), SAMPLE, replace=False)
    part, inside = found[some].astype(np.float32), mask[some]
    return {
        "auc": float(area_under_curve(part[inside], part[~inside])),
        "dice": float(overlap(found > threshold, mask)),
        "cldice": 0.0,
        "hd95_px": 0.0,
    }


def overlap(found: np.ndarray, truth: np.ndarray) -> float:
    """Return the Dice of two masks."""
    return 2 * (found & truth).sum() / max(1, found.sum() + truth.sum())


if __name__ == "__main__":
    main()
