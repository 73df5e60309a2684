"""The commands export and doctor, as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

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


def test_bad_words_are_said_plainly(launched: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for arguments, expected in (
        (("smal", "--store", launched), "small"),
        ((), "--config"),
        (("--config", tmp_path / "none.yaml"), "none.yaml"),
        (("small", "--store", launched, "-o", file), "is a file"),
        (("small", "--store", launched, "-o", file / "below"), "cannot be written"),
    ):
        result = invoke("export", "kernel", *arguments)
        assert result.exit_code == 2, result.output
        assert expected in words(result.output)
        assert "Traceback" not in result.output


def test_the_doctor_names_every_part_and_how_to_get_it() -> None:
    result = invoke("doctor", "--no-boot", "--format", "json")
    parts = json.loads(result.stdout)["parts"]
    assert result.exit_code == 0
    assert {"liburcu", "QEMU", "KVM", "bpftrace", "PyTorch", "Ray"} <= {part["name"] for part in parts}
    assert all(part["why"] for part in parts if not part["usable"])
