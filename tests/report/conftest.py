"""Provide a report with everything in it."""

import dataclasses

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.report import FromMotion, Report
from napari_motionseg.segmentation import evaluate

SHAPE = (4, 24, 32)


@pytest.fixture
def report():
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 255, SHAPE, dtype=np.uint8)
    cine = Cine.from_array(pixels, frame_times=np.arange(4) * 66.7)
    truth = np.zeros(SHAPE, bool)
    truth[1:, 5:9, 4:28] = True
    masks = np.roll(truth, 1, axis=1).astype(np.uint8)
    return Report(
        title="A <title> & more",
        cine=dataclasses.replace(cine, patient={"PatientName": "Doe^Jane"}),
        masks=masks,
        labelled=(2,),
        from_motion=FromMotion(
            frame=2,
            flow=generator.normal(size=(2, 24, 32)),
            flow_frame=1,
            gap=2,
            projection=generator.random((24, 32, 3)),
            similarity=generator.uniform(-1, 1, (24, 32)),
            anchor=(6, 10),
        ),
        truth=truth,
        truth_note="Known exactly.",
        evaluation=evaluate(masks, truth),
        losses={"Fine-tuning": [3.0, 2.0, 1.0], "Nothing": []},
        times={"Segmenting": 1.25, "Report": 0.5},
        headlines=[("Dice", "0.750")],
        provenance={"seed": "0"},
        cards={"vessel.safetensors": {"kind": "segmentation"}},
    )
