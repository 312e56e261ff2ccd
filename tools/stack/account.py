# SPDX-License-Identifier: Apache-2.0
"""The account that servers run as. If we are an ordinary user: that user. If we are root: the owner of the checkout, or, if root owns it,
`nobody` or the account that the server's package created.

Such an account cannot read a checkout below a closed folder (/root). Then each server gets a mount namespace of its own with the checkout
at /mnt. If the machine does not allow that, the servers run as root, with a warning.
"""
import os
import pwd
import signal
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import Fault
from .process import die_with, fresh_signals, libc

MOUNT = Path("/mnt")
_CLONE_NEWNS, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x20000, 4096, 16384, 1 << 18
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 24, 38


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int


def account(name):
    """The account that a package created, else `nobody`."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


class Launcher:
    """Starts processes as another user; knows the paths under which they see the checkout's files.

    mode: plain (as we are), drop (another user), mount (another user, in a namespace of its own)."""

    def __init__(self, root="/", mode=None):
        self.root = Path(root).resolve()
        self.mode = mode or ("drop" if os.geteuid() == 0 else "plain")

    def identity(self, name):
        owner = os.stat(self.root)
        return account(name) if owner.st_uid == 0 else Account(owner.st_uid, owner.st_gid)

    def choose(self, accounts, *reached):
        """Find the mode in which all accounts can read these files. @return None, or a warning if there is none."""
        if self.mode == "plain":
            return None
        words = ["/bin/sh", "-c", 'cd "$(pwd -P)" && for file; do test -x "$file" || exit 1; done', "sh"]
        for self.mode in ("drop", "mount"):
            if all(self._can(who, [*words, *(self.seen(path) for path in reached)]) for who in set(accounts)):
                return None
        self.mode = "plain"
        return f"running the servers as root: {self.root} is closed to other users, and this machine allows no mount namespace"

    def _can(self, who, command):
        try:
            return self.run(who, command).returncode == 0
        except (OSError, subprocess.SubprocessError):
            return False

    def seen(self, path):
        """The path under which the servers see a file of the checkout."""
        path = Path(path)
        if self.mode == "mount" and path.is_relative_to(self.root):
            return MOUNT / path.relative_to(self.root)
        return path

    def become(self, who):
        """A function for the child to call before exec; None: keep our user."""
        if self.mode == "plain" or who is None:
            return None

        def change():
            if self.mode == "mount":
                libc("unshare", _CLONE_NEWNS)
                libc("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
                libc("mount", os.fsencode(self.root), os.fsencode(MOUNT), None, _MS_BIND, None)
                os.chdir(MOUNT)
            drop(who)
        return change

    def run(self, who, command, **options):
        """Run a short command as that account; returns subprocess.run()'s result. Ctrl-C does not reach it."""
        become, parent = self.become(who), os.getpid()

        def prepare():
            fresh_signals()
            if become:
                become()
            die_with(parent, signal.SIGKILL)
        return subprocess.run([str(word) for word in command], cwd=options.pop("cwd", self.root), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", check=False, start_new_session=True,
                              preexec_fn=prepare, **options)

    def hand_over(self, who, path):
        """Change the owner of a file, or of a folder with its contents."""
        if self.mode == "plain" or who is None:
            return
        os.chown(path, who.uid, who.gid, follow_symlinks=False)
        for folder, folders, files in os.walk(path):
            for name in folders + files:
                os.chown(os.path.join(folder, name), who.uid, who.gid, follow_symlinks=False)

    def own_directory(self, who, path):
        """Create a server's private folder, or take over that of an earlier run as another user."""
        try:
            os.makedirs(path, exist_ok=True)
        except PermissionError as error:
            raise Fault(f"{path} cannot be created: {error.strerror}") from None
        if not os.access(path, os.W_OK):
            raise Fault(f"{path} is not writable for {pwd.getpwuid(os.geteuid()).pw_name}: was it created by an earlier run as another user? "
                        "Remove it or change its owner")
        self.hand_over(who, path)
        os.chmod(path, stat.S_IRWXU)


def drop(who):
    """Root becomes `who` permanently: no groups, no capabilities, and no way to regain them by exec."""
    for capability in range(64):
        try:
            libc("prctl", _PR_CAPBSET_DROP, capability, 0, 0, 0)
        except OSError:
            break  # this kernel has no more
    os.setgroups([])
    os.setresgid(who.gid, who.gid, who.gid)
    os.setresuid(who.uid, who.uid, who.uid)
    libc("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
