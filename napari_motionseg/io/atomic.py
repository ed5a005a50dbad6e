"""Writing under a temporary name, so that nothing half-written has the final one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_motionseg.errors import WriteError


@contextmanager
def replacing(target: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `target`; move it there if all went well.

    Works for files and for folders (zarr). What stood there before is replaced; after
    an exception, a cancel included, it is left as it was and the temporary is removed.

    Raises
    ------
    WriteError
        If the folder cannot be made or written, or the disk is full.
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise WriteError(f"cannot write {target}: {error.strerror}") from error
    try:
        temporary = room / target.name
        yield temporary
        if temporary.is_file():
            temporary.chmod(_usual_mode(room))
        if target.is_dir() and temporary.is_dir():
            os.replace(target, room / "before")
        os.replace(temporary, target)
    except OSError as error:
        raise WriteError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _usual_mode(room: Path) -> int:
    """Return the mode of a file made here; safetensors makes its own unreadable."""
    probe = room / "mode"
    probe.touch()
    return probe.stat().st_mode & 0o777
