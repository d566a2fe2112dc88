"""Who may connect to a socket of the agent, or read its journal: by mode, and by the kernel.

On a gate every process has a user of its own (`systemd/egate.sysusers.conf`), and a socket
belongs to the group of the one that may use it. The kernel says who connected
(SO_PEERCRED, unix(7)); a mode alone could have been loosened. Where those users do not
exist (a demo, a test) the sockets are for their owner alone.
"""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from pathlib import Path
from typing import NamedTuple

_UCRED = struct.Struct("iII")  # pid, uid, gid


class Access(NamedTuple):
    """Users who may connect, and the group that the socket's file is given to."""

    uids: frozenset[int]
    gid: int | None


def access_of(*users: str, group: str = "") -> Access:
    """Ourselves and these users, as far as they exist.

    Args:
        users: names of other processes' users.
        group: gets the socket's file, where it exists and we are a member.
    """
    uids = {os.getuid()}
    for user in users:
        try:
            uids.add(pwd.getpwnam(user).pw_uid)
        except KeyError:
            continue
    try:
        gid = grp.getgrnam(group).gr_gid if group else None
    except KeyError:
        gid = None
    return Access(frozenset(uids), gid if gid in (*os.getgroups(), os.getgid()) else None)


def hand_over(path: Path, access: Access) -> None:
    """Give a socket's file to its group; without one it stays its owner's alone.

    Raises:
        OSError: the file system does not let us.
    """
    if access.gid is None:
        path.chmod(0o600)
    else:
        os.chown(path, -1, access.gid)
        path.chmod(0o660)


def peer_uid(sock: socket.socket) -> int:
    """The user at the other end, as the kernel knows it since the connection was made."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    uid: int = _UCRED.unpack(raw)[1]
    return uid


def let_the_group_read(database: Path) -> None:
    """Make an empty database that the group may read, as far as our umask lets it.

    On a gate the sync process, of another user and in our group, reads the journal. SQLite
    gives what it makes beside a database the database's own mode. One that is there already
    keeps its mode.

    Raises:
        OSError: the folder cannot be written.
    """
    os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640))
