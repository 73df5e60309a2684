"""Whatever a user gives that is wrong: one clear message, exit code 2, no traceback, nothing lost."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.sweep.small import QUIET, invoke, run, table, words, written
from workloads.catalogue import LIBRARY

NO_STUDY = "there is no study 'nosuch'; known: small (--store says where)"


def said_by(result: object, code: int = 2) -> str:
    """The one message on standard error of a command that failed."""
    exit_code = getattr(result, "exit_code", None)
    exit_code = getattr(result, "returncode", exit_code)
    text = result.stderr  # type: ignore[attr-defined]
    assert exit_code == code, text
    assert "Traceback" not in text
    assert result.stdout == ""  # type: ignore[attr-defined]
    return words(text)


# -- studies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("worklods=[make-j2]", "small.yaml: there is no key 'worklods'; did you mean 'workloads'?"),
        ("constraints=[max_stall_ns <= 3 MiB]", "constraints: 'max_stall_ns <= 3 MiB': '3 MiB' has the unknown unit 'MiB'"),
        ("budget.wall_time_s=3 parsecs", "budget.wall_time_s: '3 parsecs' has the unknown unit 'parsecs'; known: ns"),
        ("policies=[]", "policies: is empty: name at least one policy, or write `all`"),
        ("policies={fixed_batch: {max: {max: 9999}}}", "policies.fixed_batch: parameter 'max' does not take 9999; expected"),
        ("policies={fixed_batch: {max: {min: 9, max: 3}}}", "parameter 'max': min 9 is above max 3"),
        ("constraints=[max_stall_ns <= 1 ms, max_stall_ns >= 2 ms]", "'max_stall_ns >= 2.00 ms' contradict each"),
        ("constraints=[wakeups <= -1]", "'wakeups <= -1' can never be met: no metric is negative"),
        ("workloads=[pgbench-conect]", "there is no workload 'pgbench-conect'; did you mean 'pgbench-connect'?"),
        ("machines=[vm-3cpu]", "machines: there is no machine 'vm-3cpu'; did you mean 'vm-2cpu'"),
        ("machines=[nowhere.yaml]", "no machine profile at "),
        ("policies=[fixd_batch]", "policies: there is no policy 'fixd_batch'; did you mean 'fixed_batch'"),
        ("objectives=[exit_latency.p99, violations]", "no metric 'exit_latency.p99'; did you mean 'exit_latency_ns.p99'"),
        ("sampler=nsga3", "sampler: input should be 'parzen'"),
        ("pressure={points: [[5, 900], [1, 900]]}", "pressure course: t_ns 1 follows 5; expected rising times"),
        ("readers={section_quantiles: [[0, 5]]}", "reader model: section_quantiles has ppm [0]; expected"),
        ("budget", "--set budget: expected KEY=VALUE, such as --set budget.trials=200"),
        ("policies=all sampler=grid", "policies: expected `all`"),
    ],
)  # fmt: skip
def test_a_wrong_study_is_not_begun(tmp_path: Path, override: str, said: str) -> None:
    store = tmp_path / "store"
    for also in ([], ["--dry-run"]):
        result = invoke("launch", written(tmp_path), "--set", override, "--store", store, *QUIET, *also)
        message = said_by(result)
        assert said in message
        assert message.count("error:") == 1
    assert not store.exists()


def test_a_grid_that_is_too_large_is_not_begun(tmp_path: Path) -> None:
    overrides = ("--set", "sampler=grid", "--set", "policies=all")
    result = invoke("launch", written(tmp_path), *overrides, "--store", tmp_path / "store", *QUIET)
    assert "sampler grid: a grid over " in said_by(result)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("study", "said"),
    [
        ("quik", "there is no study 'quik'; did you mean 'quick'?"),
        ("none.yaml", "none.yaml: no such file"),
        ("directory.yaml", "directory.yaml: "),
        ("text.yaml", "text.yaml: expected keys and values, as in conf/quick.yaml"),
        ("bytes.yaml", "bytes.yaml: cannot be read: "),
        ("cut.yaml", "cut.yaml: not YAML: "),
    ],
)
def test_what_is_no_study_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, study: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("directory.yaml").mkdir()
    Path("text.yaml").write_text("hello")
    Path("bytes.yaml").write_bytes(b"\xff\xfe\x00")
    Path("cut.yaml").write_text("name: [")
    assert said in said_by(invoke("launch", study, *QUIET))
    assert not Path("sweep-store").exists()


# -- traces ---------------------------------------------------------------------------------------


def _changed(column: str, change: Callable[[list[int]], None]) -> pa.Table:
    table = pq.read_table(LIBRARY / "many-mappings.parquet")
    place = table.schema.get_field_index(column)
    values = table[column].to_pylist()
    change(values)
    return table.set_column(
        place, table.schema.field(column), pa.array(values, table.schema.field(column).type)
    )


def _negative(path: Path) -> None:
    pq.write_table(_changed("n", lambda n: n.__setitem__(5, -3)), path)


def _backwards(path: Path) -> None:
    pq.write_table(_changed("t_ns", lambda t: t.__setitem__(5, t[4] - 1)), path)


def _cut(path: Path) -> None:
    whole = (LIBRARY / "many-mappings.parquet").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "no such file; give a Parquet file or the name of a workload"),
        (lambda path: path.write_text("hello"), "not a readable Parquet file"),
        (_cut, "not a readable Parquet file"),
        (_negative, "column n, row 5: -3; expected 0 .. 2147483647"),
        (_backwards, "less than the row before, and times must not fall"),
    ],
    ids=["missing", "text", "cut", "negative", "backwards"],
)
def test_a_trace_that_is_wrong_is_said_with_its_row(
    tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    trace = tmp_path / "trace.parquet"
    make(trace)
    store = tmp_path / "store"
    result = invoke("launch", written(tmp_path), "--set", f"workloads=[{trace}]", "--store", store, *QUIET)
    assert f"error: {trace}: " in said_by(result)
    assert said in words(result.stderr)
    assert not store.exists()
    assert said in said_by(invoke("simulate", "--workload", trace))


# -- options and names ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["launch", "quick", "--workers", 0], "Invalid value for '--workers'"),
        (["launch", "quick", "--in-process", "--workers", 2], "--in-process runs without Ray: it goes with neither"),
        (["launch", "quick", "--from", "nosuch", *QUIET], NO_STUDY),
        (["launch", "quick", "--address", "head", "--no-track"], "--address head: expected 'auto' or HOST:PORT"),
        (["resume", "nosuch"], NO_STUDY),
        (["resume", "small", "--set", "seed=9", *QUIET], "only the budget of a study that has begun can be changed"),
        (["resume", "small", "--set", "budget.trials=many", *QUIET], "budget.trials: input should be a valid integer"),
        (["front", "nosuch"], NO_STUDY),
        (["front", "smal"], "there is no study 'smal'; did you mean 'small'?"),
        (["front", "small", "--format", "xml"], "'xml' is not one of 'table', 'json'"),
        (["list", "--format", "yaml"], "'yaml' is not one of 'table', 'json'"),
        (["status", "nosuch"], NO_STUDY),
        (["report", "nosuch"], NO_STUDY),
        (["compare", "small", "nosuch"], NO_STUDY),
        (["gc", "nosuch"], NO_STUDY),
        (["track", "nosuch"], NO_STUDY),
        (["schema", "studdy"], "'studdy' is not one of 'study', 'machine'"),
        (["simulate"], "--workload is missing (or --config with a recommended.yaml)"),
        (["simulate", "--workload", "pgbench-conect"], "no workload 'pgbench-conect'. Did you mean pgbench-connect?"),
        (["simulate", "--workload", "make-j2", "--machine", "vm"], "unknown machine 'vm'; known: "),
        (["simulate", "--workload", "make-j2", "--policy", "fixd_batch"], "'fixd_batch'; did you mean fixed_batch"),
        (["simulate", "--workload", "make-j2", "--policy", "fixed_batch", "--set", "mx=3"], "'mx'; did you mean max?"),
        (["simulate", "--config", "none.yaml"], "none.yaml: cannot be read"),
        (["lunch"], "No such command 'lunch'. Did you mean 'launch'?"),
        (["launch", "quick", "--bogus"], "No such option: --bogus"),
    ],
)  # fmt: skip
def test_a_wrong_word_is_said_with_what_was_meant(store: Path, line: list[object], said: str) -> None:
    keeping = line[0] in {"launch", "resume", "front", "list", "status", "report", "compare", "gc", "track"}
    result = invoke(*line, *(["--store", store] if keeping else []))
    assert said in said_by(result)


# -- stores ---------------------------------------------------------------------------------------


def test_another_study_of_the_same_name_is_refused(launched: Path, tmp_path: Path) -> None:
    before = table(launched)
    result = invoke("launch", written(tmp_path), "--store", launched, "--set", "seed=2", *QUIET)
    assert "small/study.yaml: another study of this name is kept there, with another seed; go on" in said_by(
        result
    )
    assert table(launched) == before


def test_taking_from_a_study_without_a_common_scenario_is_refused(launched: Path, tmp_path: Path) -> None:
    others = ("--set", "name=warm", "--set", "workloads=[make-j2]")
    result = invoke("launch", written(tmp_path), "--store", launched, "--from", "small", *others, *QUIET)
    assert "--from small: it has no scenario of warm" in said_by(result)


def test_a_store_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "small").write_text("")
    for store in (Path("/proc/nowhere"), tmp_path / "file", tmp_path / "store"):
        message = said_by(invoke("launch", written(tmp_path), "--store", store, *QUIET))
        assert f"error: {store}" in message
        assert "choose another place with --store" in message


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts a small file system."""
    place = tmp_path / "mounted"
    place.mkdir()

    def mounted(*options: str) -> Path:
        done = subprocess.run(["mount", *options, place], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"mounting needs root and the right to mount: {done.stderr.strip()}")
        return place

    yield mounted
    subprocess.run(["umount", place], capture_output=True, check=False)


def test_a_read_only_store_is_said_and_can_be_looked_at(
    store: Path, tmp_path: Path, mount: Callable[..., Path]
) -> None:
    place = mount("--bind", "-o", "ro", str(store))
    if os.access(place / "small", os.W_OK):
        subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
    message = said_by(invoke("resume", "small", "--store", place, *QUIET))
    assert "Read-only file system; " in message
    for line in (
        ["front", "small"],
        ["status", "small"],
        ["list"],
        ["report", "small", "-o", tmp_path / "out"],
    ):
        result = invoke(*line, "--store", place)
        assert result.exit_code == 0, result.output


@pytest.mark.parametrize("left_kib", [4, 12, 48])
def test_a_full_disk_is_said_and_with_room_the_study_goes_on(
    launched: Path, tmp_path: Path, mount: Callable[..., Path], left_kib: int
) -> None:
    place = mount("-t", "tmpfs", "-o", "size=400k", "tmpfs")
    ballast = place / "ballast"
    ballast.write_bytes(bytes((400 - left_kib) * 1024))
    message = said_by(run("launch", written(tmp_path), "--store", place, *QUIET))
    assert "No space left on device" in message
    assert f"{place}/small" in message
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=30m", place], check=True)
    log = place / "small" / "attempts.log"
    kept = table(place) if log.exists() and log.stat().st_size else []
    assert kept == table(launched)[: len(kept)]
    result = invoke("launch", written(tmp_path), "--store", place, *QUIET)
    assert result.exit_code == 0, result.output
    assert table(place) == table(launched)


def test_a_store_of_a_newer_version_is_left_alone(store: Path) -> None:
    manifest = store / "small" / "manifest.json"
    newer = re.sub(r'"schema_version": \d+', '"schema_version": 99', manifest.read_text())
    manifest.write_text(newer)
    for line in (["resume", "small", *QUIET], ["front", "small"], ["gc", "small"]):
        message = said_by(invoke(*line, "--store", store))
        assert f"{manifest}: schema version 99, newer than this program's" in message
    assert manifest.read_text() == newer


def test_a_torn_log_is_said_and_the_study_goes_on(launched: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    small = ("--set", "budget.trials=20")
    assert invoke("launch", written(tmp_path), "--store", store, *small, *QUIET).exit_code == 0
    log = store / "small" / "attempts.log"
    log.write_bytes(log.read_bytes() + b"torn by a crash")
    result = invoke("resume", "small", "--store", store, "--set", "budget.trials=48", *QUIET)
    assert result.exit_code == 0, result.output
    assert f"{log}: cut off 15 bytes that are no whole record" in words(result.stderr)
    assert table(store) == table(launched)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("study.yaml", "put the study there again to go on. What was measured is kept apart from it"),
        ("scenarios.json", "cannot be read"),
    ],
)
@pytest.mark.parametrize("content", ["", "[1]", "name: ["])
def test_a_damaged_file_of_the_store_is_named(store: Path, file: str, said: str, content: str) -> None:
    path = store / "small" / file
    before = table(store)
    whole = path.read_text()
    path.write_text(content)
    for line in (["resume", "small", *QUIET], ["front", "small"], ["status", "small"]):
        message = said_by(invoke(*line, "--store", store))
        assert f"error: {path}: " in message
        assert said in message
    assert invoke("list", "--store", store).exit_code == 0
    path.write_text(whole)
    assert invoke("resume", "small", "--store", store, *QUIET).exit_code == 0
    assert table(store) == before


def test_a_damaged_status_is_no_trouble(store: Path) -> None:
    for content in ("", "{", "[1]", '{"trials": "many", "state": 3}'):
        (store / "small" / "status.json").write_text(content)
        for line in (["list"], ["status", "small"]):
            for form in ("table", "json"):
                result = invoke(*line, "--store", store, "--format", form)
                assert result.exit_code == 0, result.output


def test_a_second_launch_is_refused_with_the_owner_of_the_first(store: Path, tmp_path: Path) -> None:
    code = (
        "import pathlib, sys; from sweep.store.files import FileStore; "
        "owner = FileStore(pathlib.Path(sys.argv[1])); print('held', flush=True); input()"
    )
    words = [sys.executable, "-c", code, str(store / "small")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        for line in (["launch", written(tmp_path)], ["resume", "small"]):
            message = said_by(invoke(*line, "--store", store, *QUIET))
            assert f"pid {owner.pid} on {os.uname().nodename}" in message
        assert invoke("front", "small", "--store", store).exit_code == 0
        owner.communicate("\n")
    assert invoke("resume", "small", "--store", store, *QUIET).exit_code == 0


# -- services that are away -------------------------------------------------------------------------


def test_a_ray_cluster_that_is_away_is_said_and_nothing_is_lost(store: Path) -> None:
    before = table(store)
    done = run("resume", "small", "--store", store, "--address", "127.0.0.1:1", "--no-track")
    message = said_by(done)
    assert "the Ray cluster at --address 127.0.0.1:1: cannot be reached" in message
    assert table(store) == before


def test_a_tracker_that_is_away_does_not_stop_a_sweep_and_is_said_at_the_end(
    launched: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    uri = "http://127.0.0.1:1"
    done = run("launch", written(tmp_path), "--store", store, "--in-process", "--tracking-uri", uri)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert f"not shown: MLflow at {uri}: Connection refused" in done.stdout
    assert f"python -m sweep track small --store {store} --tracking-uri {uri}" in done.stdout
    assert table(store) == table(launched)


def test_a_mistake_is_one_message_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = run("launch", "quik", cwd=tmp_path)
    assert done.stderr == "error: there is no study 'quik'; did you mean 'quick'?\n"
    assert (done.returncode, done.stdout) == (2, "")
    assert json.loads(run("list", "--format", "json", cwd=tmp_path).stdout) == []
