"""What is common to all work that is to be killed."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

from napari_motionseg.io.temporary import is_temporary_name

FOREIGN = {
    "notes.txt": "notes of somebody",
    ".git/config": "[core]",
    ".motionseg-tmp-mine/notes.txt": "looks like one of ours",
}


@dataclass
class Finding:
    """What was found after a kill.

    Parameters
    ----------
    acknowledged
        How many pieces of work had been called kept.
    lost
        How many of them are not there.
    mixed
        How many results are neither the old nor the new one.
    foreign
        How many files of others were changed or deleted.
    leftovers
        How many temporary files are left after the next run.
    oldest_lost_s
        Age, when killed, of the oldest work that was lost, though nothing had yet
        called it kept; in seconds.
    words
        What was wrong.
    """

    acknowledged: int = 0
    lost: int = 0
    mixed: int = 0
    foreign: int = 0
    leftovers: int = 0
    oldest_lost_s: float = 0.0
    words: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.mixed or self.foreign or self.leftovers)


class Act(ABC):
    """Work that goes on until it is killed, and a look at what is left.

    Parameters
    ----------
    folder
        An empty folder for it.
    """

    name = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder / "log"

    @abstractmethod
    def work(self) -> None:
        """Work without end, in the process that is killed; calls `note`."""

    @abstractmethod
    def look(self, notes: list[tuple[str, float]], killed: float) -> Finding:
        """Return what is there after a kill.

        Parameters
        ----------
        notes
            Words that were noted, and when.
        killed
            When the process was killed, as `time.time` has it.
        """

    def note(self, word: str) -> None:
        """Write a word down, so that a kill cannot take it back."""
        file = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, f"{word} {time.time()}\n".encode())
        os.close(file)

    def notes(self) -> list[tuple[str, float]]:
        """Return the words that were noted whole."""
        text = self._log.read_text() if self._log.exists() else ""
        lines = [line for line in text.splitlines(keepends=True) if line.endswith("\n")]
        pairs = [line.rsplit(" ", 1) for line in lines]
        return [(word, float(when)) for word, when in pairs]


def last_number(notes: list[tuple[str, float]]) -> int:
    """Return the last number that was noted; -1 if there is none."""
    return max((int(word) for word, _ in notes if word.isdigit()), default=-1)


def plant(folder: Path) -> None:
    """Put files of somebody else into a folder."""
    for name, text in FOREIGN.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def changed(folder: Path) -> int:
    """Return how many of the planted files are not as they were."""
    return sum(
        not (folder / name).is_file() or (folder / name).read_text() != text
        for name, text in FOREIGN.items()
    )


def leftovers(folder: Path) -> list[str]:
    """Return the temporary files of this program below a folder."""
    return [
        str(path.relative_to(folder))
        for path in folder.rglob(".*")
        if is_temporary_name(path.name)
    ]
