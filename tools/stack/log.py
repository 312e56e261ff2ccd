# SPDX-License-Identifier: Apache-2.0
"""Logs: appended to by the servers themselves, put aside when they are large, never cut off by a restart."""
import ctypes
import os

from .process import libc

LARGE = 16 << 20  # bytes; then it becomes NAME.1, NAME.1 becomes NAME.2 …
KEPT = 3
_BLOCK = 4096
_COLLAPSE_RANGE = 8


def rotate(path, large=LARGE):
    """Before a server starts: nobody writes, so the file is renamed."""
    if _size(path) >= large:
        _make_room(path)
        os.replace(path, f"{path}.1")


def rotate_open(path, large=LARGE):
    """While a server appends to it and will not open it anew. What was copied is taken out from under it: by the file system in one
    step, so that no line is lost (ext4, xfs); where it cannot, what is written between the copy's end and the cut is."""
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
    """Its last lines, each with a margin."""
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
    """`length` bytes, or all that is there."""
    while length is None or length > 0:
        data = source.read(1 << 20 if length is None else min(length, 1 << 20))
        if not data:
            return
        to.write(data)
        if length is not None:
            length -= len(data)
    to.flush()
