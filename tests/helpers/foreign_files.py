"""Plant files of others, and tell whether anything of them has changed."""

import hashlib
import os


def plant(folder):
    """Put files, folders and links of others into a folder."""
    for name in (".git/HEAD", ".dvc/config", "sub/deep/notes.txt", "other.npz", ".tmp"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"mine: {name}")
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("sub")
    (folder / "broken").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    # nearly the name of a temporary folder of this program
    (folder / ".motionseg-tmp-12345678-1-abcdefabcdef").mkdir()
    (folder / ".motionseg-tmp-12345678-1-abcdefabcdef" / "mine").write_text("x")


def state(folder):
    """Return all that can be told of everything in a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        content = None
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        times = None if path.is_dir() and not path.is_symlink() else info.st_mtime_ns
        found[path] = (info.st_ino, info.st_mode, times, content)
    return found


def require_untouched(before, folder):
    after = state(folder)
    assert {path: after.get(path) for path in before} == before


def _folder(path):
    path.mkdir()
    plant(path)


def _link_to_folder(path):
    _folder(path.parent / "elsewhere")
    path.symlink_to("elsewhere")


def _link_to_file(path):
    (path.parent / "elsewhere").write_text("mine")
    path.symlink_to("elsewhere")


def _foreign_loop(path):
    path.write_bytes(b"\0" * 128 + b"DICM" + b"others")


IN_THE_WAY = {
    "a used folder": _folder,
    "a link to a used folder": _link_to_folder,
    "a link to a file": _link_to_file,
    "a pipe": os.mkfifo,
    "a loop of others": _foreign_loop,
}
