"""Three sentences, whatever came out."""

from __future__ import annotations

from typing import Any

import pytest

from sweep.report.bench import Bench
from sweep.report.facts import gather
from sweep.report.summary import change, listed, sentences

from .conftest import EVIDENCE, OBJECTIVES, Measured

OUTCOMES: list[tuple[dict[str, Any], str]] = [
    ({}, "Against the baseline"),
    ({"combine": "worst"}, "(worst of 2 scenarios)"),
    ({"combine": "regret"}, "baselines behind a scenario's best"),
    ({"policies": ["typesafe"]}, "Linux 6.15 and later does the same"),
    ({"policies": {"per_object": {"hurry": False}}}, "(the baseline itself)"),
    ({"objectives": OBJECTIVES}, "CPU time per object"),
    ({"objectives": ["munmap_latency_ns.p99", "violations"]}, "no violations either"),
    (
        {"constraints": ["exit_latency_ns.p99 <= 1 ns"]},
        "What they break is `exit_latency_ns.p99 <= 1.00 ns`.",
    ),
]


@pytest.mark.parametrize(("changes", "words"), OUTCOMES)
def test_three_sentences_that_can_be_acted_on(
    measured: Measured, changes: dict[str, Any], words: str
) -> None:
    asked = measured.study(**changes)
    standing = measured.standing(asked)
    bench = Bench(asked, measured.scenarios, standing)
    said = sentences(gather(asked, measured.scenarios, standing, [], EVIDENCE, bench))
    assert len(said) == 3
    assert all(s[0].isupper() and s.endswith(".") and ". " not in s for s in said)
    assert words in " ".join(said)
    assert "simulated" in said[2]
    assert "37 of 39 unit costs of vm-2cpu are guesses" in said[2]
    assert "`mm_ref`" in said[2]


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (None, "heat where the other has none"),
        (0.0, "no heat at all"),
        (0.0000001, "almost 100 % less heat"),
        (0.0004, "almost 100 % less heat"),
        (0.0013, "99.9 % less heat"),
        (0.036, "96 % less heat"),
        (0.9, "10 % less heat"),
        (0.977, "2.3 % less heat"),
        (1.0, "as much heat"),
        (1.0004, "as much heat"),
        (1.03, "3.0 % more heat"),
        (1.996, "100 % more heat"),
        (2.04, "2.0 times the heat"),
        (35.2, "35 times the heat"),
        (18067.3, "18,067 times the heat"),
    ],
)
def test_a_ratio_in_words(ratio: float | None, words: str) -> None:
    assert change(ratio, "heat") == words


def test_lists() -> None:
    assert [listed([]), listed("a"), listed("ab"), listed("abc")] == ["", "a", "a and b", "a, b and c"]
