"""The files that start clusters: well formed, and of one mind with each other and with the code."""

from __future__ import annotations

import re
import shlex
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.version import Version

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def documents(name: str) -> list[Any]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


@pytest.fixture(scope="module")
def volume() -> Any:
    return documents("kuberay.yaml")[0]


@pytest.fixture(scope="module")
def cluster() -> Any:
    return documents("kuberay.yaml")[1]


@pytest.fixture(scope="module")
def ray_up() -> Any:
    (document,) = documents("ray-up.yaml")
    return document


def pods(cluster: Any) -> list[Any]:
    groups = [cluster["spec"]["headGroupSpec"], *cluster["spec"]["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


# -- KubeRay ------------------------------------------------------------------------------------


def test_the_manifest_has_the_shape_of_a_ray_cluster(cluster: Any) -> None:
    """Field names of KubeRay's API reference, ray.io/v1; the operator refuses unknown ones."""
    assert (cluster["apiVersion"], cluster["kind"]) == ("ray.io/v1", "RayCluster")
    assert cluster.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert cluster["spec"].keys() <= {
        "authOptions",
        "autoscalerOptions",
        "enableInTreeAutoscaling",
        "gcsFaultToleranceOptions",
        "headGroupSpec",
        "headServiceAnnotations",
        "managedBy",
        "rayVersion",
        "suspend",
        "upgradeStrategy",
        "workerGroupSpecs",
    }
    assert {"template", "rayStartParams"} <= cluster["spec"]["headGroupSpec"].keys()
    for group in cluster["spec"]["workerGroupSpecs"]:
        assert {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"} == set(
            group
        )
        assert 0 <= group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for group in (cluster["spec"]["headGroupSpec"], *cluster["spec"]["workerGroupSpecs"]):
        # Kubernetes takes these for text only.
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
    for pod in pods(cluster):
        for container in pod["containers"]:
            assert {"name", "image", "resources"} <= container.keys()
            assert container["resources"]["requests"] == container["resources"]["limits"]  # nobody is evicted
            assert all(isinstance(variable["value"], str) for variable in container.get("env", []))


def test_what_is_mounted_is_there(cluster: Any, volume: Any) -> None:
    assert (volume["apiVersion"], volume["kind"]) == ("v1", "PersistentVolumeClaim")
    for pod in pods(cluster):
        volumes = {each["name"]: each for each in pod.get("volumes", [])}
        mounted = {each["name"] for c in pod["containers"] for each in c.get("volumeMounts", [])}
        assert mounted == volumes.keys()
        for each in volumes.values():
            assert each["persistentVolumeClaim"]["claimName"] == volume["metadata"]["name"]


def test_the_driver_has_the_head_to_itself_and_a_token_is_wanted(cluster: Any) -> None:
    assert cluster["spec"]["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert cluster["spec"]["authOptions"] == {"mode": "token"}


def test_the_ray_version_is_the_one_that_is_tested(cluster: Any) -> None:
    assert Version(cluster["spec"]["rayVersion"]).release[:2] == Version(version("ray")).release[:2]


# -- ray up -------------------------------------------------------------------------------------


def test_ray_takes_the_file_of_ray_up(ray_up: Any) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(ray_up))
    with pytest.raises(Exception, match="is not of type 'string'"):
        validate_config({**prepare_config(ray_up), "cluster_name": 1})


def test_ray_up_starts_ray_with_options_that_it_has(ray_up: Any) -> None:
    from ray.scripts.scripts import start

    known = {option for parameter in start.params for option in parameter.opts}
    for command in (*ray_up["head_start_ray_commands"], *ray_up["worker_start_ray_commands"]):
        ray, verb, *options = shlex.split(command)
        assert ray == "ray"
        assert verb in ("start", "stop")
        assert {option.partition("=")[0] for option in options} <= known


# -- of one mind --------------------------------------------------------------------------------


def variables_of_kuberay(cluster: Any) -> dict[str, str]:
    return {each["name"]: each["value"] for each in pods(cluster)[0]["containers"][0]["env"]}


def variables_of_ray_up(ray_up: Any) -> dict[str, str]:
    texts = [option.removeprefix("--env ") for option in ray_up["docker"]["run_options"] if "--env" in option]
    return dict(text.split("=", 1) for text in texts)


def test_health_checks_are_those_of_the_code(cluster: Any, ray_up: Any) -> None:
    from sweep.execute.start import health_environment

    expected = health_environment()
    for variables in (variables_of_kuberay(cluster), variables_of_ray_up(ray_up)):
        assert {n: value for n, value in variables.items() if n.startswith("RAY_health")} == expected
    text = (ROOT / "docs" / "cluster.md").read_text()
    for name, value in expected.items():
        assert f"{name}={value}" in text


def test_every_node_has_the_same_image_of_this_version(cluster: Any, ray_up: Any) -> None:
    images = {container["image"] for pod in pods(cluster) for container in pod["containers"]}
    images.add(ray_up["docker"]["image"])
    assert images == {f"REGISTRY/rcu-sweep:{PROJECT['version']}"}


# -- Dockerfile ---------------------------------------------------------------------------------

INSTRUCTIONS = {
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN"),
    *("SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
}


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"(?m)^\s*#.*\n?", "", (DEPLOY / "Dockerfile").read_text())
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


def test_the_dockerfile_is_made_of_instructions() -> None:
    found = instructions()
    assert found[0][0] == "FROM"
    assert {word for word, _ in found} <= INSTRUCTIONS
    assert all(rest for _, rest in found)
    for word, rest in found:
        if word == "RUN":
            shlex.split(rest)  # quotes are closed


def test_the_dockerfile_copies_between_stages_that_it_has() -> None:
    stages = [rest.split(" AS ")[1] for word, rest in instructions() if word == "FROM" and " AS " in rest]
    for word, rest in instructions():
        if word == "COPY" and (source := re.match(r"--from=(\S+)", rest)):
            assert source[1] in stages


def test_the_image_has_a_python_that_the_package_takes() -> None:
    least = Version(PROJECT["requires-python"].removeprefix(">="))
    for word, rest in instructions():
        if word == "FROM":
            image = re.fullmatch(r"python:(\d+\.\d+)-\S+( AS \w+)?", rest)
            assert image
            assert Version(image[1]) >= least


def test_the_build_is_given_all_that_it_needs() -> None:
    """Everything is left out but what is named: each must exist, and all that goes into a wheel must be named."""
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert lines[0] == "*"
    given = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert all((ROOT / name).exists() for name in given)
    assert {"CMakeLists.txt", "pyproject.toml", PROJECT["readme"], "conf"} <= given
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["scikit-build"]
    assert set(build["wheel"]["packages"]) <= given
