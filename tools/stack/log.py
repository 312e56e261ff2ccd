# SPDX-License-Identifier: Apache-2.0
"""Log files: servers append to them, a restart does not truncate them, and they are rotated by size."""
import ctypes
import os

from .process import libc

LARGE = 16 << 20  # bytes; then it becomes NAME.1, NAME.1 becomes NAME.2 …
KEPT = 3
_BLOCK = 4096
_COLLAPSE_RANGE = 8


def rotate(path, large=LARGE):
    """Rotate before a server starts: no process writes, so rename the file."""
    if _size(path) >= large:
        _make_room(path)
        os.replace(path, f"{path}.1")


def rotate_open(path, large=LARGE):
    """Rotate while a server appends to it and does not reopen it. The copied part is removed by the file system in one step, so that no
    line is lost (ext4, xfs); on other file systems, lines written between the copy and the truncation are lost."""
    size = _size(path)
    if size < large:
        return
    whole = size // _BLOCK * _BLOCK
    _make_room(path)
    with open(path, "rb+") as log, open(f"{path}.1", "wb") as aside:
        _copy(log, aside, whole)
        try:
            libc("fallocate", log.fileno(), _COLLAPSE_RANGE, ctypes.c_long(0), ctypes.c_long(whole))
        except OSError:
            _copy(log, aside, None)
            os.ftruncate(log.fileno(), 0)
        os.fchmod(aside.fileno(), os.fstat(log.fileno()).st_mode & 0o777)


def tail(path, lines=15):
    """Its last lines, indented."""
    try:
        with open(path, "rb") as log:
            log.seek(max(0, _size(path) - 65536))
            text = log.read().decode(errors="replace")
    except OSError:
        return ""
    return "".join(f"    {line}\n" for line in text.splitlines()[-lines:])


def _size(path):
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _make_room(path):
    for number in range(KEPT - 1, 0, -1):
        if os.path.exists(f"{path}.{number}"):
            os.replace(f"{path}.{number}", f"{path}.{number + 1}")


def _copy(source, to, length):
    """`length` bytes, or less at the end of the file."""
    while length is None or length > 0:
        data = source.read(1 << 20 if length is None else min(length, 1 << 20))
        if not data:
            return
        to.write(data)
        if length is not None:
            length -= len(data)
    to.flush()
