"""Write the label files of an open project; each window writes its own journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_motionseg.errors import WriteError
from napari_motionseg.io.durable import make_folders
from napari_motionseg.project.compaction import sizes
from napari_motionseg.project.journal import Delta, Journal
from napari_motionseg.project.label_files import JOURNAL, LABELS, next_number

LEAST_TO_COMPACT = 2**20  # bytes; reading a smaller journal takes no noticeable time
_TRIES = 8  # attempts if other windows write or delete at the same moment


class LabelStore:
    """The label files of one project; only one thread may use it at a time.

    Parameters
    ----------
    folder
        Path of the project. The journal is created with the first change.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begin_journal()

    @property
    def torn(self) -> bool:
        """Whether the disk may hold changes that were reported as failed.

        See `Journal`.
        """
        return self._journal.torn

    def append(self, deltas: Iterable[Delta]) -> int:
        """Append changed pixels to the journal.

        Parameters
        ----------
        deltas
            Changes to append.

        Returns
        -------
        int
            Number of bytes that they take in the file.

        Raises
        ------
        WriteError
            If the disk reports an error; none of the changes then counts as saved.
        """
        with self._refusals_named():
            make_folders(self._folder / LABELS)
            return self._append(list(deltas))

    def next_journal(self) -> int:
        """Begin a new journal.

        Returns
        -------
        int
            Number of the previous journal, which is complete.

        Raises
        ------
        WriteError
            If the remains of a failed write cannot be removed from that journal.
        """
        with self._refusals_named():
            self._journal.heal()
        before = int(self._journal.path.stem)
        self._begin_journal(before)
        return before

    def cuts(self) -> dict[Path, int]:
        """Return the valid size in bytes of each file that is longer than that.

        A file is longer if a write has failed and its remains could not be removed.
        Removing them is tried once more here.
        """
        with suppress(OSError):
            self._journal.heal()
        return {self._journal.path: self._journal.size} if self.torn else {}

    def bytes_on_disk(self) -> int:
        """Return the number of bytes of all current label files."""
        return sum(sizes(self._folder))

    def wants_compaction(self) -> bool:
        """Return whether the journals have outgrown the blocks."""
        blocks, journals = sizes(self._folder)
        return journals > max(LEAST_TO_COMPACT, blocks)

    def _append(self, deltas: list[Delta]) -> int:
        for _ in range(_TRIES):
            try:
                return self._journal.append(deltas)
            except FileExistsError:  # another program has created it meanwhile
                self._begin_journal()
        raise OSError(None, "other programs keep writing to its folder 'labels'")

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
