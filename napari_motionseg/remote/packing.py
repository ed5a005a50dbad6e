"""Pack objects for another computer: large arrays and files by their content.

An array or a file is named by its SHA-256, so that a worker which has it already need
not get it again. Loops lose what identifies a patient on the way.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import imagecodecs

from napari_motionseg.cine import Cine
from napari_motionseg.cine.patients import patient_key
from napari_motionseg.errors import JobError
from napari_motionseg.lru_cache import LRUCache

APART_BYTES = 64 * 1024  # smaller arrays stay in the pickle
LEVEL = 1  # of Zstandard: about as fast as a network
WEIGHTS = ".safetensors"
STORE_BYTES = 2 * 2**30  # contents that a worker keeps for later jobs
SHELF = "files"  # folder in the room for files that were elsewhere
_ROOM, _FILE = "room", "file"
_AS_TEXT = "as text"  # last word about a path that is not a `Path` but a text


class ContentStore(LRUCache[bytes]):
    """Compressed contents by their SHA-256; the oldest ones are dropped.

    Parameters
    ----------
    capacity
        Number of bytes that all may take.
    """

    def __init__(self, capacity: int = STORE_BYTES) -> None:
        super().__init__(capacity, len)


@dataclass(frozen=True)
class Parcel:
    """A pickled object, and the names of what stands beside it.

    Parameters
    ----------
    body
        The compressed pickle.
    arrays
        SHA-256 of each array, in the order of the pickle.
    files
        SHA-256 of each file.
    """

    body: bytes
    arrays: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def digests(self) -> frozenset[str]:
        """SHA-256 of all that stands beside it."""
        return frozenset((*self.arrays, *self.files))


def pack(content: Any, room: Path) -> tuple[Parcel, dict[str, bytes]]:
    """Return an object as a parcel, and the compressed contents beside it.

    Parameters
    ----------
    content
        The object. Paths below `room`, and paths of weights, also as texts, are paths
        of the same files on the other side; other paths stay as they are.
    room
        Folder of this side's temporary files.

    Raises
    ------
    JobError
        If the object cannot be pickled, or a file cannot be read.
    """
    packer = _Packer(room)
    try:
        body = packer.packed(content)
    except OSError as error:
        raise JobError(f"a file of the job cannot be read: {error}") from error
    except Exception as error:
        raise JobError(
            f"the job cannot be sent to another computer: {error}"
        ) from error
    return Parcel(body, tuple(packer.arrays), tuple(packer.files)), packer.contents


def unpack(parcel: Parcel, contents: Mapping[str, bytes], room: Path) -> Any:
    """Return the object in a parcel.

    Parameters
    ----------
    parcel
        What `pack` has returned.
    contents
        Compressed contents by their SHA-256; all that it names must be there.
    room
        Folder of this side's temporary files, to which files are written.

    Raises
    ------
    JobError
        If a content is missing or damaged.
    """
    buffers = [bytearray(_content(contents, digest)) for digest in parcel.arrays]
    body = io.BytesIO(imagecodecs.zstd_decode(parcel.body))
    return _Unpacker(body, buffers, contents, room).load()


def _content(contents: Mapping[str, bytes], digest: str) -> bytes:
    packed = contents.get(digest)
    found = b"" if packed is None else bytes(imagecodecs.zstd_decode(packed))
    if hashlib.sha256(found).hexdigest() != digest:
        raise JobError(f"a part of the job was lost on its way ({digest[:8]})")
    return found


class _Packer:
    """Pickle an object; see `pack`."""

    def __init__(self, room: Path) -> None:
        self.room = room
        self.arrays: list[str] = []
        self.files: list[str] = []
        self.contents: dict[str, bytes] = {}
        self.loops = 0
        # so that loops of one patient are known as such, and the patient is not
        self.salt = secrets.token_bytes(16)

    def packed(self, content: Any) -> bytes:
        target = io.BytesIO()
        _Pickler(target, self).dump(content)
        return bytes(imagecodecs.zstd_encode(target.getvalue(), LEVEL))

    def _keep(self, content: bytes | memoryview) -> str:
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self.contents:
            self.contents[digest] = bytes(
                imagecodecs.zstd_encode(bytes(content), LEVEL)
            )
        return digest

    def take_array(self, buffer: pickle.PickleBuffer) -> bool:
        """Keep a large buffer; return whether it is to stay in the pickle."""
        raw = buffer.raw()
        if raw.nbytes < APART_BYTES:
            return True
        self.arrays.append(self._keep(raw))
        return False

    def path(self, path: Path) -> tuple[str, ...] | None:
        """Return what stands for a path; None if it stays as it is."""
        inside = path.is_relative_to(self.room)
        if path.is_file() and (inside or path.suffix == WEIGHTS):
            digest = self._keep(path.read_bytes())
            self.files.append(digest)
            apart = Path(SHELF, digest[:16], path.name)
            return (_FILE, self._name(path) if inside else apart.as_posix(), digest)
        return (_ROOM, self._name(path)) if inside else None

    def _name(self, path: Path) -> str:
        return path.relative_to(self.room).as_posix()

    def without_patient(self, cine: Cine) -> Cine:
        """Return a loop without attributes, files and names that say whose it is."""
        key = patient_key(cine)
        salted = hashlib.sha256(self.salt + str(key).encode()).hexdigest()
        self.loops += 1
        return replace(
            cine, name=f"loop {self.loops}", source=None, files=(), notes=(),
            patient={} if key is None else {"PatientID": salted},
        )  # fmt: skip


class _Pickler(pickle.Pickler):
    def __init__(self, target: io.BytesIO, packer: _Packer) -> None:
        super().__init__(target, 5, buffer_callback=packer.take_array)
        self._packer = packer

    def persistent_id(self, thing: Any) -> Any:
        """Return what stands for a file or folder; None for other things."""
        if isinstance(thing, Path):
            return self._packer.path(thing)
        if isinstance(thing, str) and thing.endswith(WEIGHTS):
            known = self._packer.path(Path(thing))
            return known and (*known, _AS_TEXT)
        return None

    def reducer_override(self, thing: Any) -> Any:
        if not isinstance(thing, Cine):
            return NotImplemented
        return self._packer.without_patient(thing).__reduce_ex__(5)


class _Unpacker(pickle.Unpickler):
    def __init__(
        self,
        source: io.BytesIO,
        buffers: Iterable[bytearray],
        contents: Mapping[str, bytes],
        room: Path,
    ) -> None:
        super().__init__(source, buffers=buffers)
        self._contents, self._room = contents, room

    def persistent_load(self, known: Any) -> Path | str:
        """Return the path of a file or folder that has arrived.

        Raises
        ------
        JobError
            If it lies outside the folder of the job.
        """
        path: Path = self._room / known[1]
        if not path.resolve().is_relative_to(self._room.resolve()):
            raise JobError(f"{known[1]}: a job has no files outside of its folder")
        if known[0] == _FILE:
            content = _content(self._contents, known[2])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return str(path) if known[-1] == _AS_TEXT else path
