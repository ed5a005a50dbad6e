"""Checkpoints: a network saved over itself, each time with other weights."""

from __future__ import annotations

import dataclasses

import torch

from napari_motionseg.errors import MotionSegError
from napari_motionseg.models import UNet, UNetConfig
from napari_motionseg.models.checkpoints import ModelCard, load_model, save_model

from .act import Act, Finding, changed, last_number, leftovers, plant

TINY = UNetConfig(width=4, depth=2, embedding_dim=8)


class Checkpoints(Act):
    """A small network whose weights are all of one value."""

    name = "checkpoint"

    def work(self) -> None:
        plant(self.folder)
        network = UNet(TINY)
        for number in range(10**6):
            _fill(network, number)
            save_model(self.folder / "net.safetensors", network, card())
            self.note(str(number))

    def look(self, notes: list[tuple[str, float]], killed: float) -> Finding:
        found, last = Finding(), last_number(notes)
        path = self.folder / "net.safetensors"
        found.acknowledged = last + 1
        if not path.exists():
            found.lost += last >= 0
        else:
            try:
                network, _ = load_model(path)
                values = {
                    float(v) for p in network.parameters() for v in p.detach().unique()
                }
            except MotionSegError as error:
                values = set()
                found.words.append(str(error))
            if values not in ({float(last)}, {float(last + 1)}):
                found.mixed += 1
                found.words.append(f"weights are {sorted(values)[:5]}, {last} was kept")
        save_model(path, UNet(TINY), card())  # the next run
        found.foreign = changed(self.folder)
        found.leftovers = len(leftovers(self.folder))
        return found


def card() -> ModelCard:
    """Return the card of the small network."""
    return ModelCard("embedding", "UNet", dataclasses.asdict(TINY))


def _fill(network: UNet, number: int) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(float(number))
