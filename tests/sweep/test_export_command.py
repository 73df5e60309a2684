"""The command export, as a user calls it."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import yaml

from sweep.store.files import FileStore
from sweep.trial import Cause, Failure
from tests.sweep.small import invoke, words


def test_an_export_holds_the_recommendation_and_its_evidence(launched: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = invoke("export", "kernel", "small", "--store", launched, "-o", out, "--format", "json")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == json.loads(result.stdout)["files"]
    evidence = json.loads((out / "evidence.json").read_text())
    assert evidence["figures"] == "simulated"
    assert "simulated" in (out / "README").read_text()
    assert evidence["store_digest"]
    assert evidence["scenarios"]
    assert evidence["profiles"]
    again = invoke("export", "kernel", "--config", out / "recommended.yaml", "-o", tmp_path / "again")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "again/recommended.h").read_text() == (out / "recommended.h").read_text()
    refused = invoke("export", "kernel", "small", "--store", launched, "-o", out)
    assert refused.exit_code == 2
    assert "--force" in words(refused.output)
    assert invoke("export", "kernel", "small", "--store", launched, "-o", out, "--force").exit_code == 0


def test_another_trial_is_exported_and_said_to_be_one(launched: Path, tmp_path: Path) -> None:
    attempts = FileStore(launched / "small", read_only=True).attempts()
    trial = next(a.trial for a in attempts if a.trial.configuration.policy == "fixed_batch")
    out = tmp_path / "out"
    result = invoke("export", "kernel", "small", "--trial", trial.number, "--store", launched, "-o", out)
    assert result.exit_code == 0, result.output
    stated = yaml.safe_load((out / "recommended.yaml").read_text())
    assert (stated["trial"], stated["policy"]) == (trial.number, "fixed_batch")
    assert stated["params"] == trial.configuration.mapping()
    assert f"Trial {trial.number} of the study small" in (out / "README").read_text()
    assert json.loads((out / "evidence.json").read_text())["trial"] == trial.number
    best = json.loads(invoke("front", "small", "--store", launched, "--format", "json").stdout)["recommended"]
    again = invoke("export", "kernel", "small", "--trial", best, "--store", launched, "-o", tmp_path / "best")
    assert again.exit_code == 0, again.output
    assert "trial" not in yaml.safe_load((tmp_path / "best/recommended.yaml").read_text())


def test_emulated_figures_are_called_so_and_exit_times_are_not_judged(launched: Path, tmp_path: Path) -> None:
    assert invoke("export", "kernel", "small", "--store", launched, "-o", tmp_path / "a").exit_code == 0
    stated = yaml.safe_load((tmp_path / "a/recommended.yaml").read_text())
    config = tmp_path / "emulated.yaml"
    config.write_text(yaml.safe_dump(stated | {"figures": "kernel", "emulated": True}))
    result = invoke("export", "kernel", "--config", config, "-o", tmp_path / "b")
    assert result.exit_code == 0, result.output
    assert "emulated" in result.output
    assert "emulated: their times are no machine's" in (tmp_path / "b/README").read_text()
    evidence = json.loads((tmp_path / "b/evidence.json").read_text())
    assert (evidence["figures"], evidence["emulated"]) == ("kernel", True)
    kinds = [line.split()[:2] for line in (tmp_path / "a/stated").read_text().splitlines()[2:]]
    assert kinds == [["exit_latency_ns.p99", "exit"], ["retained_bytes.mean", "retained"]]
    kinds = [line.split()[:2] for line in (tmp_path / "b/stated").read_text().splitlines()[2:]]
    assert kinds == [["exit_latency_ns.p99", "-"], ["retained_bytes.mean", "retained"]]


def test_boot_parameters_are_those_that_the_profile_needs(launched: Path, tmp_path: Path) -> None:
    assert invoke("export", "kernel", "small", "--store", launched, "-o", tmp_path / "a").exit_code == 0
    stated = yaml.safe_load((tmp_path / "a/recommended.yaml").read_text())
    plain = (tmp_path / "a/BOOT").read_text()
    assert "none: callbacks are invoked in softirq" in plain
    assert "enable_rcu_lazy" not in plain
    (first, *_) = stated["scenarios"]
    config = tmp_path / "offloaded.yaml"
    config.write_text(yaml.safe_dump(stated | {"scenarios": [first | {"machine": "vm-2cpu-nocb"}]}))
    assert invoke("export", "kernel", "--config", config, "-o", tmp_path / "b").exit_code == 0
    offloaded = (tmp_path / "b/BOOT").read_text()
    assert "rcu_nocbs=all" in offloaded
    assert "rcutree.enable_rcu_lazy=1      call_rcu() may wait" in offloaded
    assert "use_softirq" not in plain + offloaded


def test_a_trial_that_cannot_be_used_is_refused(store: Path, tmp_path: Path) -> None:
    with closing(FileStore(store / "small")) as kept:
        done = kept.attempts()[-1]
        trial = replace(done.trial, number=900)
        failure = Failure(Cause.CONFIGURATION, "it took too long")
        kept.append([replace(done, trial=trial, measurements=(), failure=failure)])
        seen = tuple((name, replace(m, violations=7)) for name, m in done.measurements)
        kept.append([replace(done, trial=replace(trial, number=901), measurements=seen)])
    for number, expected in (
        (899, "its trials are 0 .. 901"),
        (900, "it took too long"),
        (901, "freed 14 objects"),
    ):
        result = invoke(
            "export", "kernel", "small", "--trial", number, "--store", store, "-o", tmp_path / "o"
        )
        assert result.exit_code == 2, result.output
        assert expected in words(result.output)
        assert not (tmp_path / "o").exists()


def test_bad_words_are_said_plainly(launched: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for arguments, expected in (
        (("smal", "--store", launched), "small"),
        ((), "--config"),
        (("--config", tmp_path / "none.yaml", "--trial", 1), "name the study"),
        (("small", "--store", launched, "--trial", -1), "--trial"),
        (("--config", tmp_path / "none.yaml"), "none.yaml"),
        (("small", "--store", launched, "-o", file), "is a file"),
        (("small", "--store", launched, "-o", file / "below"), "cannot be written"),
    ):
        result = invoke("export", "kernel", *arguments)
        assert result.exit_code == 2, result.output
        assert expected in words(result.output)
        assert "Traceback" not in result.output
