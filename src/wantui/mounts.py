"""Which file systems are on a network, as the kernel names them."""

from __future__ import annotations

import os
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "coda", "ncpfs"),
        *("lustre", "gpfs", "beegfs", "beeond", "orangefs", "pvfs2", "panfs", "wekafs"),
        *("gfs2", "ocfs2", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph-fuse", "fuse.cvmfs2"),
        *(
            "fuse.juicefs",
            "fuse.s3fs",
            "fuse.rclone",
            "fuse.gcsfuse",
            "fuse.moosefs",
            "fuse.lizardfs",
        ),
    }
)
"""Where another machine may write too. Locks, mapped memory and sockets there are not as here."""


def network_filesystem(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """What `folder` is on, or will be on, if that is one of `NETWORK`.

    A file system with a disk of this machine has a major device number, and is none. statfs(2)
    tells a number for the others, which all of FUSE share; the table of mounts has their names.
    Source: proc(5), /proc/pid/mountinfo.
    """
    device = _device(folder)
    if device is None or os.major(device) != 0:
        return None
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    for line in lines:
        mounted, _, kind = line.partition(" - ")
        fields = mounted.split()
        if len(fields) > 2 and fields[2] == number:
            name = kind.split(" ", 1)[0]
            return name if name in NETWORK else None
    return None


def _device(folder: Path) -> int | None:
    for path in (folder, *folder.parents):
        try:
            return path.stat().st_dev
        except OSError:
            continue
    return None
