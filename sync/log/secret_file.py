"""Reading a secret's file: only its owner may, and what was checked is what is read.

Where secrets come from is the path alone: a file of mode 0400, or a credential that the
service manager decrypted (`LoadCredentialEncrypted=`, see systemd.exec(5)), which lies in
memory for the life of the service. The latter belongs to root and is opened to the service's
account by an access control list; its mode then shows the list's mask where the group's bits
would be, so the list itself is read.
"""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path

from sync.log.errors import KeyRefused

_ACL = "system.posix_acl_access"
_ACL_VERSION = 2
_ACL_ENTRY = struct.Struct("<HHI")  # tag, permissions, account (linux/posix_acl_xattr.h)
_USER_OBJ, _USER, _MASK = 0x01, 0x02, 0x10


def read_secret(path: Path, max_bytes: int) -> bytes:
    """Read a secret.

    Raises:
        KeyRefused: missing, no file, longer than `max_bytes`, readable by another account
            than ours and root, or belonging to one.
    """
    return _read(path, max_bytes, secret=True)


def read_public(path: Path, max_bytes: int) -> bytes:
    """Read a file of the same kind that all users may read.

    Raises:
        KeyRefused: missing, no file, or longer than `max_bytes`.
    """
    return _read(path, max_bytes, secret=False)


def _read(path: Path, max_bytes: int, *, secret: bool) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode) or state.st_size > max_bytes:
                raise KeyRefused(f"{path.name} is not a key file")
            if secret and _open_to_others(file.fileno(), state.st_mode):
                raise KeyRefused(f"{path.name} can be read by others; chmod 400 it")
            if secret and state.st_uid not in (os.geteuid(), 0):
                raise KeyRefused(f"{path.name} belongs to another account")
            return file.read(max_bytes)
    except OSError as error:
        raise KeyRefused(f"{path.name} cannot be read: {error.strerror}") from error


def _open_to_others(handle: int, mode: int) -> bool:
    """Whether an account besides its owner and ourselves may do anything with the file."""
    if not mode & 0o077:
        return False
    if mode & 0o037:
        return True
    try:
        data = os.getxattr(handle, _ACL)
    except OSError:
        return True  # no list: the bits are the group's own
    if len(data) % _ACL_ENTRY.size != 4 or int.from_bytes(data[:4], "little") != _ACL_VERSION:
        return True
    return any(
        permissions and tag not in (_USER_OBJ, _MASK) and (tag, account) != (_USER, os.geteuid())
        for tag, permissions, account in _ACL_ENTRY.iter_unpack(data[4:])
    )
