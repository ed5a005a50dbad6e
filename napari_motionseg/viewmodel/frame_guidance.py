"""Describe what a user has given on one frame: clicks on objects, and arrows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from napari_motionseg.errors import SettingsError
from napari_motionseg.guidance.points import Arrow, Clicks, Point

MOST_CLASS = 250  # largest class number that a labels layer of a dock can hold
MOST_FRAMES, MOST_POINTS = 100_000, 10_000  # limits for values from a file


@dataclass(frozen=True)
class ObjectClicks:
    """Clicks on one object.

    Parameters
    ----------
    clicks
        Points on the object and beside it; there may be none.
    number
        Number of the object's class; 0 is the background.
    proposed
        Whether the clicks were carried from another frame and wait for the user.
    lost
        Number of clicks that could not be carried to this frame.
    """

    clicks: Clicks = Clicks(())
    number: int = 1
    proposed: bool = False
    lost: int = 0

    def with_point(self, point: Point, positive: bool) -> ObjectClicks:
        """Return the clicks with one more; it replaces one on the same pixel."""
        kept = self.without(point, 0.5).clicks
        if positive:
            return self._with(Clicks((*kept.positive, point), kept.negative))
        return self._with(Clicks(kept.positive, (*kept.negative, point)))

    def without(self, point: Point, reach: float) -> ObjectClicks:
        """Return the clicks without the nearest one, if it is within `reach` px."""
        found = nearest(self.clicks.points, point, reach)
        if found is None:
            return self
        positive, negative = (
            tuple(p for p in points if p != found)
            for points in (self.clicks.positive, self.clicks.negative)
        )
        return self._with(Clicks(positive, negative))

    def _with(self, clicks: Clicks) -> ObjectClicks:
        return replace(self, clicks=clicks, proposed=False, lost=0)


@dataclass(frozen=True)
class FrameGuidance:
    """Everything that was given on one frame.

    Parameters
    ----------
    current
        Clicks on the object that is being clicked.
    done
        Clicks on objects whose masks were accepted.
    waiting
        Carried clicks on further objects, which become current one by one.
    arrows
        Motions of points; one without length is a still point.
    """

    current: ObjectClicks = ObjectClicks()
    done: tuple[ObjectClicks, ...] = ()
    waiting: tuple[ObjectClicks, ...] = ()
    arrows: tuple[Arrow, ...] = ()

    @property
    def objects(self) -> tuple[ObjectClicks, ...]:
        """All objects that were clicked by the user, the current one last."""
        own = self.current.clicks.positive and not self.current.proposed
        return (*self.done, *((self.current,) if own else ()))

    def accepted(self) -> FrameGuidance:
        """Return the guidance after the current object was accepted."""
        done = replace(self.current, proposed=False)
        return replace(self.next_object(), done=(*self.done, done))

    def next_object(self) -> FrameGuidance:
        """Return the guidance with the next waiting object, or none, as current."""
        if self.waiting:
            return replace(self, current=self.waiting[0], waiting=self.waiting[1:])
        return replace(self, current=ObjectClicks(number=self.current.number))

    def proposing(self, objects: Iterable[ObjectClicks]) -> FrameGuidance:
        """Return the guidance with carried objects in place of earlier proposals."""
        new = tuple(replace(one, proposed=True) for one in objects)
        current = self.current
        if current.proposed or not current.clicks.points:
            changed = replace(self, current=ObjectClicks(), waiting=new)
            return changed.next_object() if new else changed
        return replace(self, waiting=new)

    def with_arrow(self, arrow: Arrow) -> FrameGuidance:
        """Return the guidance with one more arrow or still point."""
        kept = self.without_arrow((arrow.row, arrow.column), 0.5)
        return replace(kept, arrows=(*kept.arrows, arrow))

    def without_arrow(self, point: Point, reach: float) -> FrameGuidance:
        """Return the guidance without the nearest arrow that starts within `reach`."""
        found = nearest(((a.row, a.column) for a in self.arrows), point, reach)
        kept = tuple(a for a in self.arrows if (a.row, a.column) != found)
        return replace(self, arrows=kept)


def nearest(points: Iterable[Point], point: Point, reach: float) -> Point | None:
    """Return the point that is nearest to another one, if it is within `reach` px."""
    known = tuple(points)

    def squared(other: Point) -> float:
        return (other[0] - point[0]) ** 2 + (other[1] - point[1]) ** 2

    found = min(known, key=squared, default=None)
    return found if found is not None and squared(found) <= reach**2 else None


# Values of a project, which come from a file


def to_json(frames: dict[int, FrameGuidance]) -> dict[str, Any]:
    """Return the guidance of the frames of a loop as JSON values."""
    return {str(t): _frame_values(one) for t, one in sorted(frames.items())}


def from_json(values: Any) -> dict[int, FrameGuidance]:
    """Return guidance from JSON values; what is invalid is left out."""
    found: dict[int, FrameGuidance] = {}
    if not isinstance(values, dict):
        return found
    for name, row in values.items():
        known = isinstance(name, str) and name.isdecimal() and isinstance(row, dict)
        if known and int(name) < MOST_FRAMES and len(found) < MOST_FRAMES:
            found[int(name)] = _frame_of(row)
    return found


def _frame_values(one: FrameGuidance) -> dict[str, Any]:
    return {
        "current": _object_values(one.current),
        "done": [_object_values(each) for each in one.done],
        "waiting": [_object_values(each) for each in one.waiting],
        "arrows": [[a.row, a.column, a.down, a.right] for a in one.arrows],
    }


def _object_values(one: ObjectClicks) -> dict[str, Any]:
    return {
        "positive": [list(point) for point in one.clicks.positive],
        "negative": [list(point) for point in one.clicks.negative],
        "class": one.number,
        "proposed": one.proposed,
    }


def _frame_of(row: dict[Any, Any]) -> FrameGuidance:
    return FrameGuidance(
        _object_of(row.get("current")) or ObjectClicks(),
        _listed(row.get("done"), _object_of),
        _listed(row.get("waiting"), _object_of),
        _listed(row.get("arrows"), _arrow_of),
    )


def _listed(values: Any, read: Callable[[Any], Any]) -> tuple[Any, ...]:
    rows = values[:MOST_POINTS] if isinstance(values, list) else []
    return tuple(one for one in map(read, rows) if one is not None)


def _object_of(row: Any) -> ObjectClicks | None:
    if not isinstance(row, dict):
        return None
    positive = _listed(row.get("positive"), lambda p: _numbers(p, 2))
    negative = _listed(row.get("negative"), lambda p: _numbers(p, 2))
    given = row.get("class")
    number = given if type(given) is int and 0 <= given <= MOST_CLASS else 1
    try:
        clicks = Clicks(positive, negative)
    except SettingsError:  # a pixel with both signs, or a number that is not finite
        return None
    return ObjectClicks(clicks, number, row.get("proposed") is True)


def _arrow_of(row: Any) -> Arrow | None:
    numbers = _numbers(row, 4)
    try:
        return None if numbers is None else Arrow(*numbers)
    except SettingsError:
        return None


def _numbers(row: Any, count: int) -> tuple[float, ...] | None:
    if not isinstance(row, list) or len(row) != count:
        return None
    if not all(type(value) in (int, float) and abs(value) < 1e6 for value in row):
        return None
    return tuple(float(value) for value in row)
