"""The trainings that docks start: what they show keeps to the field of view."""

from pathlib import Path

import numpy as np
import pytest

from napari_motionseg.jobs import STOP, Progress
from napari_motionseg.segmentation import finetune
from napari_motionseg.viewmodel.training_choices import TrainingChoices
from napari_motionseg.viewmodel.training_jobs import finetune_layer_job


def test_pictures_of_training_mark_nothing_outside_the_field(monkeypatch):
    shown = np.full((128, 128), 0.05, np.float32)
    shown[:, :90] = 0.5 + 0.05 * np.random.default_rng(0).random((128, 90))
    out, received = Path("vessel.safetensors"), []

    def train(*_, **named):
        assert named["shown"] is shown
        yield Progress(0, 2, "begins")
        received.append((yield Progress(1, 2, preview=np.ones((128, 128), np.float16))))
        return out

    monkeypatch.setattr(finetune, "finetune_job", train)
    job = finetune_layer_job(
        [], TrainingChoices(), "cpu", start="scratch", out=out, shown=shown
    )
    assert next(job) == Progress(0, 2, "begins")
    preview = next(job).preview
    assert preview.dtype == np.float16
    assert preview[:, :84].all()
    assert not preview[:, 90:].any()
    with pytest.raises(StopIteration) as end:
        job.send(STOP)
    assert end.value.value == out
    assert received == [STOP]
