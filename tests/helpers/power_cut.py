"""A disk whose power can be cut: it keeps only what it was told to make durable.

POSIX promises this much: the content of a file is durable after ``fsync`` of the file,
a name in a folder after ``fsync`` of the folder. Everything else may be there after the
cut or not, so a test looks at several disks that the same cut can leave.
"""

import os
import stat
from itertools import product
from pathlib import Path

AVAILABLE = Path("/proc/self/fd").is_dir()  # tells which file a number stands for


class PowerCut:
    """Watches ``os.fsync`` and rebuilds what a disk holds after a power cut.

    Parameters
    ----------
    disk
        Folder that stands for the disk. What is in it already is durable.
    """

    def __init__(self, disk):
        self.disk = disk
        self.syncs = 0
        self._contents = {}  # durable bytes of a file, by inode
        self._names = {}  # durable names of a folder, by inode
        self._pins = []  # open files: no inode is used twice
        self._fsync = os.fsync
        for root, _, files in os.walk(disk):
            for path in (root, *(os.path.join(root, name) for name in files)):
                self._keep(os.open(path, os.O_RDONLY))

    def install(self, patch):
        patch.setattr(os, "fsync", self.fsync)

    def fsync(self, file):
        self._fsync(file)
        self.syncs += 1
        self._keep(os.open(f"/proc/self/fd/{file}", os.O_RDONLY))

    def close(self):
        for pin in self._pins:
            os.close(pin)
        self._pins = []

    def _keep(self, file):
        self._pins.append(file)
        found = os.fstat(file)
        if stat.S_ISDIR(found.st_mode):
            self._names[found.st_ino] = {
                name: os.stat(name, dir_fd=file, follow_symlinks=False).st_ino
                for name in os.listdir(file)
            }
        else:
            self._contents[found.st_ino] = os.pread(file, found.st_size, 0)

    def disks(self, parent):
        """Yield folders under `parent`, each a disk that a cut at this moment leaves.

        Names that were not synced are there on some and not on others; of bytes that
        were not synced none is there, or half of them.
        """
        for number, (names, half) in enumerate(product((False, True), repeat=2)):
            target = parent / f"after-{number}"
            self._build(self.disk, os.stat(self.disk).st_ino, target, names, half)
            yield target

    def _build(self, now, inode, target, all_names, half):
        """Rebuild a folder that lies at `now`, or nowhere any more, as `target`."""
        target.mkdir()
        names = dict(self._names.get(inode, {}))
        here = self._here(now)
        if all_names:
            names = {name: found for name, (found, _) in here.items()}
        for name, inside in names.items():
            known = self._paths().get(inside)
            if inside in self._names or (known is not None and known.is_dir()):
                self._build(known, inside, target / name, all_names, half)
            else:
                content = self._contents.get(inside, b"")
                if half and known is not None:
                    content = _half_more(content, known.read_bytes())
                (target / name).write_bytes(content)

    def _here(self, folder):
        if folder is None:
            return {}
        return {entry.name: (entry.inode(), entry.path) for entry in os.scandir(folder)}

    def _paths(self):
        found = {}
        for root, folders, files in os.walk(self.disk):
            for name in (*folders, *files):
                path = Path(root, name)
                found[path.lstat().st_ino] = path
        return found


def _half_more(durable, now):
    """Return the durable bytes, and half of what was written after them."""
    if not now.startswith(durable):
        return durable
    return now[: (len(durable) + len(now)) // 2]


class Cuts:
    """Cuts the power within acts, and lets a check look at what is left.

    Parameters
    ----------
    folder
        Folder for the disk and its copies.
    patch
        The test's ``monkeypatch``.
    """

    def __init__(self, folder, patch):
        self.folder, self._patch = folder, patch
        self.disk = folder / "disk"
        self.disk.mkdir()
        self.power = PowerCut(self.disk)
        self.cuts = 0

    def during(self, act, check):
        """Act; check each disk that a cut before or after a sync would leave."""

        def fsync(file):
            self._look(check)
            self.power.fsync(file)
            self._look(check)

        with self._patch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            act()

    def after(self, check):
        """Check each disk that a cut at this moment would leave."""
        self._look(check)

    def _look(self, check):
        with self._patch.context() as patch:
            patch.setattr(os, "fsync", lambda file: None)
            room = self.folder / f"cut-{self.cuts}"
            room.mkdir()
            self.cuts += 1
            for disk in self.power.disks(room):
                check(disk)
