"""List the checkpoints that the user has opened recently."""

from __future__ import annotations

import json
from pathlib import Path

from napari_motionseg.errors import WriteError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.motion import FlowCache

MOST = 8
NAME = "recent-models.json"


class RecentModels:
    """A list of checkpoints in a file beside the caches; it may be deleted at any time.

    Parameters
    ----------
    path
        Path of the list, or None to record nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path

    @classmethod
    def default(cls) -> RecentModels:
        """Return the user's list; an empty one if caches are off."""
        cache = FlowCache.default()
        return cls(None if cache is None else cache.folder.parent / NAME)

    def paths(self) -> list[Path]:
        """Return the paths that still exist, the most recent first."""
        if self.path is None:
            return []
        try:
            names = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        names = names if isinstance(names, list) else []
        paths = [Path(name) for name in names if isinstance(name, str)]
        return [path for path in paths if path.is_file()]

    def add(self, model: Path) -> None:
        """Put a path first; nothing is recorded if the list cannot be written."""
        if self.path is None:
            return
        model = model.resolve()
        paths = [model, *(path for path in self.paths() if path != model)][:MOST]
        text = json.dumps([str(path) for path in paths])
        try:
            with replacing(self.path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        except WriteError:
            return  # without the list no work is lost
