"""A toy task in a module of its own, so that a child process can import it."""

import time

import numpy as np
import torch
from torch import nn

from napari_motionseg.training.engine.loop import TrainingSettings, train_job


class Toy:
    """A convolution with batch norm that learns to copy noise."""

    def __init__(self, batch_size=4, trouble=None):
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.model = nn.Sequential(
                nn.Conv2d(1, 5, 3, padding=1),
                nn.BatchNorm2d(5),
                nn.ReLU(),
                nn.Conv2d(5, 1, 3, padding=1),
            )
        self.batch_size = batch_size
        self.seen = []
        self.trouble = trouble or {}

    def loss(self, step, generator, device):
        images = torch.randn((self.batch_size, 1, 9, 7), generator=generator)
        self.seen.append((step, self.batch_size))
        loss = (self.model(images.to(device)) - images.to(device)).square().mean()
        if step in self.trouble:
            loss = self.trouble[step](self, loss)
        return loss, {"half": float(loss.detach()) / 2}

    def preview(self):
        self.model.eval()
        return np.zeros((2, 2), np.uint8)


def settings(steps=10, **others):
    defaults = {"device": "cpu", "precision": "float32", "learning_rate": 1e-2}
    return TrainingSettings(steps=steps, **(defaults | others))


def weights(task):
    return {name: value.clone() for name, value in task.model.state_dict().items()}


def slow_job(folder, steps, resume=False):
    """Take steps slowly enough to be killed between them; for the child process."""

    class Slow(Toy):
        def loss(self, step, generator, device):
            time.sleep(0.01)
            return super().loss(step, generator, device)

    task = Slow()
    record = yield from train_job(
        task,
        settings(steps, checkpoint_every=5),
        state_path=f"{folder}/state.safetensors",
        resume=resume,
    )
    return record.losses, {n: w.numpy() for n, w in weights(task).items()}
