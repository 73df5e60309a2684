"""The lock: one writer, named; one that died is followed, unless nobody here can know."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sweep.store import StoreError
from sweep.store.files import FileStore
from sweep.store.lock import Lock, is_local

HOLDER = """
import sys, time
from pathlib import Path
from sweep.store.lock import Lock
lock = Lock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_the_owner_is_named_while_it_lives_and_followed_when_it_was_killed(
    tmp_path: Path, holder: "subprocess.Popen[str]"
) -> None:
    owner = f"pid {holder.pid} on {socket.gethostname()}"
    with pytest.raises(StoreError, match=f"is being run by {owner}"):
        FileStore(tmp_path)
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    store = FileStore(tmp_path)
    assert store.notes() == [f"{tmp_path}: taken over from {owner}, which ended without closing the store"]
    assert f"pid {os.getpid()} on" in (tmp_path / "lock").read_text()
    store.close()
    assert (tmp_path / "lock").read_text() == ""
    again = FileStore(tmp_path)
    assert again.notes() == []
    again.close()


def test_an_owner_on_another_host_is_believed_where_flock_may_not_reach_it(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("pid 17 on elsewhere\n")
    with pytest.raises(StoreError, match=r"run by pid 17 on elsewhere, .* from here; .* delete .*lock and"):
        Lock(tmp_path / "lock", host="here", local=False)
    assert (tmp_path / "lock").read_text() == "pid 17 on elsewhere\n"
    lock = Lock(tmp_path / "lock", host="here", local=True)  # such as a container that got a new name
    assert lock.left_by == "pid 17 on elsewhere"
    lock.release()
    lock = Lock(tmp_path / "lock", host="here", local=False)
    assert lock.left_by is None
    lock.release()


def test_a_dead_owner_on_this_host_is_followed_on_a_shared_file_system_too(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("pid 17 on here\n")
    lock = Lock(tmp_path / "lock", host="here", local=False)
    assert lock.left_by == "pid 17 on here"
    lock.release()
    lock.release()


MOUNTS = r"""/dev/vda / ext4 rw 0 0
server:/x /srv nfs4 rw 0 0
tmpfs /srv/with\040space tmpfs rw 0 0
host /srv/fuse fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "local"),
    [("/a/b", True), ("/srv", False), ("/srv/a", False), ("/srv/with space/a", True), ("/srv/fuse/a", False)],
)
def test_which_file_systems_are_of_this_machine_alone(path: str, local: bool) -> None:
    assert is_local(Path(path), MOUNTS) is local
