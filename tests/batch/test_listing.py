"""Places are listed ahead of the work, and errors arrive in their turn."""

import itertools
import threading
from pathlib import Path

import pytest

from napari_motionseg.batch import listing as module
from napari_motionseg.batch.listing import Listing
from napari_motionseg.batch.places import Place


def numbered():
    return (Place(Path(f"/{n}")) for n in itertools.count())


def test_all_places_come_in_order_and_are_counted():
    listing = Listing(itertools.islice(numbered(), 50))
    assert [place.path.name for place in listing] == [str(n) for n in range(50)]
    assert (listing.count, listing.ended) == (50, True)


def test_no_more_than_a_bounded_number_waits(monkeypatch):
    monkeypatch.setattr(module, "AHEAD", 5)
    listing = Listing(numbered())
    taken = list(itertools.islice(iter(listing), 3))
    assert [place.path.name for place in taken] == ["0", "1", "2"]
    assert listing.count <= 3 + 5 + 1
    assert not listing.ended


def test_a_consumer_that_leaves_ends_the_thread():
    before = threading.active_count()
    places = iter(Listing(numbered()))
    next(places)
    assert threading.active_count() == before + 1
    places.close()
    assert threading.active_count() == before


def test_an_error_is_raised_after_what_came_before():
    def broken():
        yield Place(Path("/a"))
        raise OSError("the network drive is gone")

    places = iter(Listing(broken()))
    assert next(places).path == Path("/a")
    with pytest.raises(OSError, match="drive is gone"):
        next(places)
