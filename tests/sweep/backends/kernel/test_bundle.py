"""What is exported builds without a warning for both kernels, and its check loads, passes and unloads in a guest."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import policies
from sweep.backends.kernel.boot import BootSettings
from sweep.backends.kernel.build import policy_sources
from sweep.backends.kernel.bundle import PLATFORM, module_files
from sweep.backends.kernel.console import troubles
from sweep.backends.kernel.guest_machine import Guest
from sweep.backends.kernel.image import find_image
from sweep.backends.kernel.initramfs import initramfs
from sweep.trial import Configuration
from tests.sweep.backends.kernel.test_build import HEADERS


def defaults(name: str, **params: policies.ParamValue) -> Configuration:
    return Configuration.of(name, policies.policy(name).validate(params))


def written(directory: Path, configuration: Configuration, module: str = "rcu_batch") -> Path:
    directory.mkdir()
    for name, text in module_files(configuration).items():
        (directory / name).write_text(text.replace("rcu_batch", module) if name == "Kbuild" else text)
    return directory


def make(directory: Path, headers: Path) -> None:
    command = ["make", "-C", str(directory), f"KDIR={headers}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "warning" not in result.stderr.lower()


@pytest.mark.parametrize("name", sorted(policies.catalogue()))
def test_every_policy_and_its_platform_are_taken_as_they_are(name: str) -> None:
    files = module_files(defaults(name))
    assert files[f"policy_{name}.c"] == policy_sources()[name].read_text()
    lab = Path(__file__).parents[4] / "sweep/backends/kernel/module"
    assert all(files[each] == (lab / each).read_text() for each in PLATFORM)
    assert all(
        f"RECOMMENDED_{p.name.upper()} " in files["recommended.h"] for p in policies.policy(name).params
    )


def test_the_parameters_are_the_defaults_of_header_and_kconfig() -> None:
    files = module_files(defaults("fixed_batch", max=77))
    assert "#define RECOMMENDED_MAX 77 " in files["recommended.h"]
    assert re.search(r'int "max"\n.*\n\trange .*\n\tdefault 77\n', files["Kconfig"])


@pytest.mark.slow
@pytest.mark.skipif(not HEADERS, reason="apt-get install linux-headers-6.12-cloud-amd64")
@pytest.mark.parametrize("headers", HEADERS, ids=lambda path: path.name)
def test_it_builds_without_a_warning(headers: Path, tmp_path: Path) -> None:
    make(written(tmp_path / "out", defaults("fixed_batch")), headers)


@pytest.mark.slow
def test_its_check_passes_and_leaves_nothing(packages: None, tmp_path: Path) -> None:
    image = find_image()
    # The guest's init loads and unloads a module of the lab's name.
    out = written(tmp_path / "out", defaults("fixed_batch", max=64), module="rcu_sweep")
    make(out, image.headers)
    with Guest(image, initramfs(out / "rcu_sweep.ko", tmp_path), BootSettings(), "tcg") as guest:
        assert guest.unload() == 0
        said = guest.console()
    assert "policy=per_object role=baseline objects=20000 freed=20000" in said
    assert "policy=fixed_batch role=recommended objects=20000 freed=20000" in said
    assert troubles(said) == []
