"""Read functional groups, in which enhanced objects keep values of single frames.

An enhanced X-ray object (PS3.3 A.47, C.7.6.16) has one sequence of macros for all
frames together and one for each frame. Reading takes time linear in the number of
frames: each group is parsed at most once for each requested macro.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
from pydicom import Dataset
from pydicom.tag import BaseTag

from napari_motionseg.io.damage import DAMAGE

SHARED = "SharedFunctionalGroupsSequence"
PER_FRAME = "PerFrameFunctionalGroupsSequence"
# Frames compared to find out whether a value changes. Parsing one group out of 60,000
# takes about as long as decoding its frame.
MOST_COMPARED = 256


class FunctionalGroups:
    """Give access to the macros of shared and per-frame functional groups.

    Parameters
    ----------
    dataset
        Header of the file; classic objects have no functional groups.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._shared = _items(dataset, SHARED)
        self._frames = _items(dataset, PER_FRAME)
        self._macros: list[Dataset] | None = None

    def __len__(self) -> int:
        """Return the number of per-frame groups."""
        return len(self._frames)

    def macros(self) -> list[Dataset]:
        """Return the macro items that apply to the first frame, shared ones first.

        A macro that the first frame lacks is taken from the first of the compared
        frames that has it.
        """
        if self._macros is None:
            shared = [macro for group in self._shared[:1] for macro in _macros(group)]
            known: set[BaseTag] = set()
            of_frames: list[Dataset] = []
            for group in self._compared(len(self._frames)):
                of_frames += _macros(group, without=known)
                known.update(group.keys())
            self._macros = shared + of_frames
        return self._macros

    def _compared(self, count: int) -> Iterator[Dataset]:
        """Yield the groups of at most 256 frames, evenly spread from the first."""
        total = min(count, len(self._frames))
        steps = np.linspace(0, total - 1, min(total, MOST_COMPARED)).astype(int)
        for index in np.unique(steps):
            yield self._frames[int(index)]

    def of_frames(self, macro: str, count: int) -> Iterator[Dataset | None]:
        """Yield the first item of a macro for each of the first `count` frames."""
        for group in self._frames[:count]:
            yield next(iter(_items(group, macro)), None)

    def items_of_frames(self, macro: str, count: int) -> Iterator[Sequence[Dataset]]:
        """Yield all items of a macro for each of the first `count` frames."""
        for group in self._frames[:count]:
            yield _items(group, macro)

    def sampled(self, macro: str, count: int) -> list[Dataset]:
        """Return a macro's items for at most 256 frames, evenly spread.

        Shared values come first, so a shared macro gives a single item.
        """
        shared = [item for group in self._shared[:1] for item in _items(group, macro)]
        total = min(count, len(self._frames))
        if shared or not total:
            return shared[:1]
        found = []
        for group in self._compared(total):
            found += list(_items(group, macro)[:1])
        return found


def _items(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    """Return the items of a sequence; empty if it is missing or damaged."""
    try:
        found = dataset.get(keyword)
    except DAMAGE:
        return []
    if found is None or isinstance(found, (str, bytes, int, float)):
        return []
    try:
        items = list(found)
    except DAMAGE:
        return []
    return items if all(isinstance(item, Dataset) for item in items) else []


def _macros(group: Dataset, without: Collection[BaseTag] = ()) -> Iterator[Dataset]:
    for tag in [one for one in list(group.keys()) if one not in without]:
        try:
            element = group[tag]
        except DAMAGE:
            continue
        if element.VR == "SQ":
            yield from element.value
