"""A file system layer for SQLite that writes down, in order, all that reaches the disk.

It is registered with SQLite as the default VFS (https://www.sqlite.org/vfs.html) and passes
everything on to the real one; so the journal's own code runs, unknowing, with its own SQLite.
Only the write-ahead log's index in shared memory is not seen; it is no part of what survives
a power cut, and SQLite builds it again.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int, c_int64, c_void_p
from typing import Any, NamedTuple

IOERR_FSYNC = 1034
"""SQLITE_IOERR_FSYNC."""


class Wrote(NamedTuple):
    """Bytes were written to a file; they may be lost until it is synced."""

    name: str
    offset: int
    data: bytes


class Truncated(NamedTuple):
    """A file was cut to a size."""

    name: str
    size: int


class Synced(NamedTuple):
    """Everything written to a file so far is on the disk."""

    name: str


class Deleted(NamedTuple):
    """A file was removed."""

    name: str


class Mark(NamedTuple):
    """The caller's own note: from here on this much was promised."""

    promise: Any


Operation = Wrote | Truncated | Synced | Deleted | Mark

_CLOSE = CFUNCTYPE(c_int, c_void_p)
_WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)
_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)


class _Methods(Structure):
    """sqlite3_io_methods, version 3 (sqlite3.h)."""

    _fields_ = (
        ("version", c_int),
        ("close", _CLOSE),
        ("read", c_void_p),
        ("write", _WRITE),
        ("truncate", _TRUNCATE),
        ("sync", _SYNC),
        *((name, c_void_p) for name in ("file_size", "lock", "unlock", "check_lock", "control")),
        *((name, c_void_p) for name in ("sector_size", "characteristics")),
        *((name, c_void_p) for name in ("shm_map", "shm_lock", "shm_barrier", "shm_unmap")),
        *((name, c_void_p) for name in ("fetch", "unfetch")),
    )


class _File(Structure):
    """sqlite3_file: what follows belongs to the real VFS."""

    _fields_ = (("methods", POINTER(_Methods)),)


class _Vfs(Structure):
    """sqlite3_vfs, version 3."""

    _fields_ = (
        ("version", c_int),
        ("file_size", c_int),
        ("max_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("app_data", c_void_p),
        ("open", _OPEN),
        ("delete", _DELETE),
        *((name, c_void_p) for name in ("access", "full_pathname")),
        *((name, c_void_p) for name in ("dl_open", "dl_error", "dl_sym", "dl_close")),
        *((name, c_void_p) for name in ("randomness", "sleep", "time", "last_error", "time64")),
        *((name, c_void_p) for name in ("set_call", "get_call", "next_call")),
    )


class VfsUnavailable(Exception):
    """Python's SQLite is built in where its VFS cannot be reached."""


class RecordingVfs:
    """Notes every write, truncation, sync and removal. Use `recording`.

    `fail_syncs` makes syncs fail with an I/O error while it is set, as a dying disk does.
    """

    def __init__(self) -> None:
        self.log: list[Operation] = []
        self.fail_syncs = False
        self._sqlite = _library()
        self._sqlite.sqlite3_vfs_find.restype = POINTER(_Vfs)
        self._sqlite.sqlite3_vfs_register.argtypes = [POINTER(_Vfs), c_int]
        self._real = self._sqlite.sqlite3_vfs_find(None)
        self._names: dict[int, str] = {}
        self._originals: dict[int, Any] = {}
        self._methods: dict[int, _Methods] = {}
        self._ours = _Vfs()
        ctypes.memmove(byref(self._ours), self._real, ctypes.sizeof(_Vfs))
        self._ours.name = b"egate-recording"
        self._ours.open = _OPEN(self._open)
        self._ours.delete = _DELETE(self._delete)
        self._close_call = _CLOSE(self._close)
        self._write_call = _WRITE(self._write)
        self._truncate_call = _TRUNCATE(self._truncate)
        self._sync_call = _SYNC(self._sync)

    def register(self) -> None:
        """Become the default VFS."""
        self._sqlite.sqlite3_vfs_register(byref(self._ours), 1)

    def unregister(self) -> None:
        """Make the real one the default again."""
        self._sqlite.sqlite3_vfs_register(self._real, 1)
        self._sqlite.sqlite3_vfs_unregister(byref(self._ours))

    def mark(self, promise: Any) -> None:
        """Note a promise in the log."""
        self.log.append(Mark(promise))

    def _open(self, _vfs: int, name: int, file: int, flags: int, out: int) -> int:
        code: int = self._real.contents.open(
            ctypes.cast(self._real, c_void_p), name, file, flags, out
        )
        handle = ctypes.cast(file, POINTER(_File)).contents
        if code or not name or not handle.methods:
            return code
        address = ctypes.cast(handle.methods, c_void_p).value or 0
        original = ctypes.cast(address, POINTER(_Methods))  # not the field, which changes below
        if address not in self._methods:
            ours = _Methods()
            ctypes.memmove(byref(ours), original, ctypes.sizeof(_Methods))
            ours.close, ours.write = self._close_call, self._write_call
            ours.truncate, ours.sync = self._truncate_call, self._sync_call
            self._methods[address] = ours
        self._names[file] = (ctypes.string_at(name) or b"").decode().rpartition("/")[2]
        self._originals[file] = original
        handle.methods = ctypes.pointer(self._methods[address])
        return code

    def _close(self, file: int) -> int:
        original = self._originals.pop(file)
        self._names.pop(file)
        return int(original.contents.close(file))

    def _write(self, file: int, data: int, count: int, offset: int) -> int:
        code = int(self._originals[file].contents.write(file, data, count, offset))
        if not code:
            self.log.append(Wrote(self._names[file], offset, ctypes.string_at(data, count)))
        return code

    def _truncate(self, file: int, size: int) -> int:
        code = int(self._originals[file].contents.truncate(file, size))
        if not code:
            self.log.append(Truncated(self._names[file], size))
        return code

    def _sync(self, file: int, flags: int) -> int:
        if self.fail_syncs:
            return IOERR_FSYNC
        code = int(self._originals[file].contents.sync(file, flags))
        if not code:
            self.log.append(Synced(self._names[file]))
        return code

    def _delete(self, _vfs: int, name: bytes, sync_folder: int) -> int:
        code: int = self._real.contents.delete(ctypes.cast(self._real, c_void_p), name, sync_folder)
        if not code:
            self.log.append(Deleted(name.decode().rpartition("/")[2]))
        return code


@contextmanager
def recording() -> Iterator[RecordingVfs]:
    """Record everything that SQLite writes in this process until the block ends.

    Raises:
        VfsUnavailable: Python's SQLite is not the system's library.
    """
    vfs = RecordingVfs()
    vfs.register()
    try:
        yield vfs
    finally:
        vfs.unregister()


def _library() -> ctypes.CDLL:
    """The library that Python's own `sqlite3` is linked with."""
    import _sqlite3

    try:
        library = ctypes.CDLL(_sqlite3.__file__)  # symbols of what it is linked with, too
        library.sqlite3_vfs_find  # noqa: B018 - asks whether it is there
    except (OSError, AttributeError) as error:
        raise VfsUnavailable("Python's SQLite cannot be reached for recording") from error
    return library
