"""Write the label files of an open project: each window writes its own journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_motionseg.errors import WriteError
from napari_motionseg.io.durable import make_folders
from napari_motionseg.project.compaction import sizes
from napari_motionseg.project.journal import Delta, Journal
from napari_motionseg.project.label_files import JOURNAL, LABELS, next_number

LEAST_TO_COMPACT = 2**20  # bytes; a smaller journal is read in no time
_TRIES = 8  # where other windows write or delete at the same moment


class LabelStore:
    """The label files of one project. The caller lets one thread in at a time.

    Parameters
    ----------
    folder
        Path of the project. Its journal is made with the first change.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begin_journal()

    @property
    def torn(self) -> bool:
        """Whether the disk may hold changes that it has refused; see `Journal`."""
        return self._journal.torn

    def append(self, deltas: Iterable[Delta]) -> int:
        """Append changed pixels to the journal.

        Parameters
        ----------
        deltas
            The changes.

        Returns
        -------
        int
            Number of bytes that they took.

        Raises
        ------
        WriteError
            If the disk refuses; then none of the changes counts as kept.
        """
        with self._refusals_named():
            make_folders(self._folder / LABELS)
            return self._append(list(deltas))

    def next_journal(self) -> int:
        """Begin a new journal.

        Returns
        -------
        int
            Number of the journal before, which is complete.

        Raises
        ------
        WriteError
            If what the disk has refused cannot be taken back from that journal.
        """
        with self._refusals_named():
            self._journal.heal()
        before = int(self._journal.path.stem)
        self._begin_journal(before)
        return before

    def cuts(self) -> dict[Path, int]:
        """Return the valid size in bytes of each file that is longer than that.

        A file is longer after the disk has refused a change and would not take back
        what it had written of it. It is tried once more here.
        """
        with suppress(OSError):
            self._journal.heal()
        return {self._journal.path: self._journal.size} if self.torn else {}

    def bytes_on_disk(self) -> int:
        """Return the size of all label files that count, in bytes."""
        return sum(sizes(self._folder))

    def wants_compaction(self) -> bool:
        """Return whether the journals have outgrown the blocks."""
        blocks, journals = sizes(self._folder)
        return journals > max(LEAST_TO_COMPACT, blocks)

    def _append(self, deltas: list[Delta]) -> int:
        for _ in range(_TRIES):
            try:
                return self._journal.append(deltas)
            except FileExistsError:  # not ours: made by somebody else since we looked
                self._begin_journal()
        raise OSError(None, "other programs write to its folder 'labels'")

    def _begin_journal(self, after: int = 0) -> None:
        number = max(next_number(self._folder), after + 1)
        self._journal = Journal(self._folder / LABELS / f"{number:06d}{JOURNAL}")

    @contextmanager
    def _refusals_named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise WriteError(f"cannot write to {self._folder}: {reason}") from error
