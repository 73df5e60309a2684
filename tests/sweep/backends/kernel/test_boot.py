"""How QEMU and the guest's kernel are called, and what the guest finds in its file system."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from sweep.backends.kernel.boot import BootSettings
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.guest_machine import GuestError
from sweep.backends.kernel.image import find_image
from sweep.backends.kernel.initramfs import Entry, archive
from sweep.backends.kernel.lab import Lab


def test_boot_settings_reach_the_kernels_command_line() -> None:
    plain, lazy = BootSettings().command_line("kvm"), BootSettings(nocb=True, lazy=True).command_line("kvm")
    assert "rcu_nocbs" not in plain
    assert "rcutree.enable_rcu_lazy=0" in plain  # the kernel's own default may be 1
    assert "rcu_nocbs=all" in lazy
    assert "rcutree.enable_rcu_lazy=1" in lazy
    assert "rcutree.use_softirq=0" in BootSettings(softirq=False).command_line("kvm")


def test_only_an_emulated_guest_is_told_to_trust_its_clock() -> None:
    assert "tsc=reliable" in BootSettings().command_line("tcg")
    assert "tsc=reliable" not in BootSettings().command_line("kvm")


def test_time_by_instructions_needs_one_host_thread() -> None:
    def arguments(settings: BootSettings) -> str:
        return " ".join(settings.arguments("tcg", Path("k"), Path("i"), Path("c"), 3))

    assert "tcg,thread=single" in arguments(BootSettings(icount=1))
    assert "-icount shift=1" in arguments(BootSettings(icount=1))
    assert "icount" not in arguments(BootSettings())


def test_an_archive_is_a_function_of_its_contents() -> None:
    entries = [Entry("dev", 0o040755), Entry("init", 0o100755, b"abcde")]
    assert archive(entries) == archive(list(entries))
    assert archive(entries) != archive([entries[0], Entry("init", 0o100755, b"abcdf")])


def test_an_archive_can_be_read_back() -> None:
    """newc: 13 fields of 8 hexadecimal digits, then name and data, each padded to 4 bytes."""
    data, at, found = (
        archive([Entry("dev/console", 0o020600, device=(5, 1)), Entry("f", 0o100644, b"12345")]),
        0,
        {},
    )
    while at < len(data):
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        size, name_bytes = fields[6], fields[11]
        name = data[at + 110 : at + 110 + name_bytes - 1].decode()
        start = at + (110 + name_bytes + 3) // 4 * 4
        found[name] = (fields[1], fields[9], fields[10], data[start : start + size])
        at = start + (size + 3) // 4 * 4
    assert found["dev/console"] == (0o020600, 5, 1, b"")
    assert found["f"] == (0o100644, 0, 0, b"12345")
    assert list(found)[-1] == "TRAILER!!!"


def test_a_missing_kernel_is_said_with_the_packages_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEP_KERNEL_ROOT", str(tmp_path))
    with pytest.raises(LabError, match="apt-get install linux-image-6.12"):
        find_image()


def test_the_newest_kernel_with_headers_is_taken_of_the_release_that_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEP_KERNEL_ROOT", str(tmp_path))
    (tmp_path / "boot").mkdir()
    for release in ("6.9.1", "6.12.3", "6.12.20", "6.13.0"):
        (tmp_path / "boot" / f"vmlinuz-{release}").touch()
    for release in ("6.9.1", "6.12.3", "6.12.20"):  # and none for 6.13.0
        (tmp_path / "usr/src" / f"linux-headers-{release}").mkdir(parents=True)
        (tmp_path / "usr/src" / f"linux-headers-{release}" / "Makefile").touch()
    assert find_image().release == "6.12.20"
    for wanted, found in (("6.9", "6.9.1"), ("6.12", "6.12.20"), ("6.12.3", "6.12.3")):
        monkeypatch.setenv("SWEEP_KERNEL_RELEASE", wanted)
        assert find_image().release == found
    monkeypatch.setenv("SWEEP_KERNEL_RELEASE", "6.1")
    with pytest.raises(
        LabError, match=r"no kernel 6\.1 with its headers .* but 6\.12\.20, 6\.12\.3, 6\.9\.1"
    ):
        find_image()
    assert find_image("6.12.3").release == "6.12.3"


def test_drivers_that_are_modules_come_in_the_order_of_their_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As modules.dep of Debian's 6.1 has them."""
    monkeypatch.setenv("SWEEP_KERNEL_ROOT", str(tmp_path))
    files = ["boot/vmlinuz-6.1.9", "lib/modules/6.1.9/build/Makefile"]
    needs = {"virtio/virtio": ["virtio/virtio_ring"], "virtio/virtio_ring": []}
    needs["char/virtio_console"] = ["virtio/virtio", "virtio/virtio_ring"]
    files += [f"lib/modules/6.1.9/kernel/drivers/{name}.ko" for name in needs]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    found = [f"{driver.parent.name}/{driver.stem}" for driver in find_image().drivers]
    assert sorted(found) == sorted(needs)
    assert all(found.index(need) < found.index(name) for name, those in needs.items() for need in those)


@pytest.mark.parametrize(("said", "boots"), [("[ 4.6] Oops: int3: 0000 [#1]", 3), ("[ 4.6] Kernel panic", 1)])
def test_only_what_the_emulator_broke_is_booted_again(
    said: str, boots: int, packages: None, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    booted = []

    def guest(*given: object) -> NoReturn:
        booted.append(given)
        raise GuestError(said)

    monkeypatch.setattr("sweep.backends.kernel.lab.Guest", guest)
    with Lab(cache, "tcg") as lab, pytest.raises(GuestError):
        lab.guest(BootSettings())
    assert len(booted) == boots
