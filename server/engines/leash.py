"""Becomes another program that is signalled when its parent dies: leash.py PARENT SIGNAL UID GID COMMAND...

Run by path and isolated, it imports nothing of ours and starts in a few milliseconds. Doing this between fork
and exec in the parent would not be safe with threads; a change of account makes the kernel forget the signal.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Give up rights, ask the kernel for the signal and turn into the command; never returns."""
    parent, signum, uid, gid = (int(argument) for argument in arguments[:4])
    command = arguments[4:]
    if uid != os.getuid():
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was asked
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
