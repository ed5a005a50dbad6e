"""Networks for clicks and arrows: a tiny one, and one whose answers are known."""

import threading

import numpy as np
import torch

from napari_motionseg.guidance.propagator import PreparedFrame
from napari_motionseg.models import ModelCard, UNetConfig, save_model
from napari_motionseg.models.light_propagation import LightPropagationNet
from napari_motionseg.models.light_propagation_config import LightPropagationConfig

TINY = LightPropagationConfig(
    width=6, fine=4, rounds=1, bins=5, limit=10.0, encoder=UNetConfig(width=2)
)


def tiny_network(seed=0):
    """Return an untrained network."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LightPropagationNet(TINY).eval()


def save_tiny(path):
    """Write an untrained network, and return its path."""
    model = tiny_network()
    card = ModelCard("propagation", "LightPropagationNet", model.configuration())
    save_model(path, model, card)
    return path


class KnownObjects:
    """Stand-in for a propagator: the pixels of a clicked object follow the click.

    Parameters
    ----------
    objects
        Number ``(H, W)`` of the object of each pixel.
    """

    knows_vessels = True

    def __init__(self, objects):
        self.objects = objects
        self.asked = []
        self.prepared = 0
        self.threads = set()

    def prepare(self, frame):
        self.threads.add(threading.current_thread())
        self.prepared += 1
        return PreparedFrame(frame, 1.0, frame.shape, None)

    def longest(self, prepared):
        return 20.0

    def connected(self, prepared, arrows):
        self.threads.add(threading.current_thread())
        moved = {
            self.objects[round(a.row), round(a.column)] for a in arrows if a.length
        }
        return np.isin(self.objects, list(moved)).astype(np.float32)

    def vessels(self, prepared):
        return np.where(self.objects > 0, 0.9, 0.1).astype(np.float32)

    def flows(self, prepared, guidance, *, clicked=False, where=None):
        self.threads.add(threading.current_thread())
        self.asked.append(guidance)
        flows = np.zeros((len(guidance), 2, *self.objects.shape), np.float32)
        for flow, arrows in zip(flows, guidance, strict=True):
            for arrow in arrows:
                number = self.objects[round(arrow.row), round(arrow.column)]
                flow[:, self.objects == number] = [[arrow.right], [arrow.down]]
        return flows
