"""Painting: strokes, masks, networks, compaction, and moves to another folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionSegError
from napari_motionseg.project import Autosaver, Project, label_store
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop

from .act import Act, Finding, changed, leftovers, plant

SHAPE, SIDE = (8, 96, 96), 4
ACROSS = SHAPE[2] // SIDE
OLD_S = 2.0  # what is older is kept, whether or not anybody has asked


def cell(number: int) -> tuple[tuple[int, slice, slice], int]:
    """Return frame, rows and columns of the n-th stroke, and its label."""
    place, t = divmod(number % (SHAPE[0] * ACROSS**2), SHAPE[0])
    row, column = SIDE * (place // ACROSS), SIDE * (place % ACROSS)
    return (t, slice(row, row + SIDE), slice(column, column + SIDE)), 1 + number % 250


class Autosave(Act):
    """A stroke every 5 ms; now and then all is flushed, or the project is moved."""

    name = "autosave"

    def work(self) -> None:
        label_store.LEAST_TO_COMPACT = 2_000
        draw = np.random.default_rng(0)
        labels, masks = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
        pixels = draw.integers(0, 255, SHAPE, dtype=np.uint8)
        loop = WatchedLoop("loop", Cine.from_array(pixels), "loop")
        saver = Autosaver(Project.create(self.folder / "work0"))
        plant(self.folder / "work0.motionseg")
        saver.watch(WatchedLayer("labels", loop, "labels", "labels", lambda: labels))
        saver.watch(WatchedLayer("masks", loop, "masks", "masks", lambda: masks))
        model = self.folder / "vessel.safetensors"
        for number in range(10**6):
            where, label = cell(number)
            labels[where] = label
            self.note(f"painted-{number}")
            saver.touch()
            masks[number % SHAPE[0]] = pixels[number % SHAPE[0]] > number % 255
            if number % 10 == 9 and saver.flush(chores_too=False):
                self.note(str(number))
            if number % 16 == 15:
                model.write_bytes(bytes([number % 251]) * 20_000)
                saver.keep_model(model, "segmentation", "vessel")
            if number % 40 == 39:
                self._move(saver, number)
            time.sleep(0.005)

    def _move(self, saver: Autosaver, number: int) -> None:
        target = self.folder / f"work{number}.motionseg"
        if saver.project is not None:
            saver.project.move(target)
            self.note(f"moved-{number}")

    def look(self, notes: list[tuple[str, float]], killed: float) -> Finding:
        found = Finding()
        found.foreign = changed(self.folder / "work0.motionseg")
        pixels = self._newest(found)
        painted = {int(w[8:]): t for w, t in notes if w.startswith("painted-")}
        kept = max((int(w) for w, _ in notes if w.isdigit()), default=-1)
        found.acknowledged = kept + 1
        for number, when in painted.items():
            where, label = cell(number)
            if pixels is not None and (pixels[where] == label).all():
                continue
            if number <= kept or when < killed - OLD_S:
                found.lost += 1
                found.words.append(f"stroke {number} is lost")
            else:
                found.oldest_lost_s = max(found.oldest_lost_s, killed - when)
        found.leftovers = len(leftovers(self.folder))
        return found

    def _newest(self, found: Finding) -> Any:
        """Open what is there as the next window would, and go on with it."""
        best: tuple[int, Any, Path | None] = (-1, None, None)
        for place in sorted(self.folder.glob("*.motionseg")):
            if not (place / "project.json").exists():
                continue  # what is left of a project that was moved
            try:
                project = Project.open(place)
                layers = project.manifest.layers
                pixels = project.read_layers()
                for model in project.manifest.models:
                    _require_whole(project.model_path(model))
                project.close()
            except (MotionSegError, ValueError, OSError) as error:
                found.mixed += 1
                found.words.append(f"{place.name}: {error}")
                continue
            numbers = [layer.number for layer in layers if layer.name == "labels"]
            if numbers and int((pixels[numbers[0]] > 0).sum()) > best[0]:
                stack = pixels[numbers[0]]
                best = int((stack > 0).sum()), stack, place
        if best[2] is not None:
            project = Project.open(best[2])
            project.compact()
            project.move(self.folder / "after")
            project.close()
            again = Project.open(self.folder / "after.motionseg", read_only=True)
            if not any((p == best[1]).all() for p in again.read_layers().values()):
                found.mixed += 1
                found.words.append("the project differs after it was moved")
        return best[1]


def _require_whole(model: Path) -> None:
    content = model.read_bytes()
    if len(content) != 20_000 or len(set(content)) != 1:
        raise ValueError(f"model {model.name} is half of one")
