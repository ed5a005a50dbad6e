"""Define what the two sides of a remote job say to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from napari_motionseg.remote.packing import Parcel

BYE = "bye"  # the result has arrived, or is not wanted any more
Kind = Literal["phase", "progress", "result", "failed"]


@dataclass(frozen=True)
class Letter:
    """A letter of the window to its job.

    Parameters
    ----------
    after
        Number of the last message that has arrived; the worker forgets it.
    words
        Signals of the user, in their order: a stop, frames, `BYE`.
    call
        Function and arguments of the job; None if they were sent before.
    contents
        Compressed contents that the worker lacks, by their SHA-256.
    """

    after: int = 0
    words: tuple[str | int, ...] = ()
    call: Parcel | None = None
    contents: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Message:
    """A message of the job to its window.

    Parameters
    ----------
    number
        Number of the message, from 1.
    kind
        Kind of the value.
    value
        The value as a parcel.
    contents
        Compressed contents of the value, by their SHA-256.
    """

    number: int
    kind: Kind
    value: Parcel
    contents: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """The answer to a letter.

    Parameters
    ----------
    messages
        Messages that have not arrived yet, as far as is known.
    lacks
        SHA-256 of contents that the worker needs; None before it has the call.
    """

    messages: tuple[Message, ...] = ()
    lacks: frozenset[str] | None = None
