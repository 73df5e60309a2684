"""A policy that cannot add to the front is nearly given up, and every other goes on."""

from collections import Counter

from policies import Param
from sweep.propose import Observation, Range, Space, make
from sweep.trial import Configuration

AXIS = Range(Param("x", "int", 0, 100_000, False, 0, "", ""), range(100_001))
SPACE = Space(dict.fromkeys(("good", "dominated", "infeasible", "beyond"), (AXIS,)))


def measured(configuration: Configuration) -> Observation:
    x = int(configuration.mapping()["x"]) / 100_000
    worse = {"good": 0.0, "dominated": 0.7, "infeasible": -0.5, "beyond": 1.5}[configuration.policy]
    return Observation(
        configuration, (0.6 + x + worse, 1.6 - x + worse), float(configuration.policy == "infeasible")
    )


def test_policies_that_cannot_win_take_few_trials() -> None:
    proposer = make("nsga2", SPACE, 2, 3, 32, reference=2.0)
    asked: list[Configuration] = []
    for first in range(0, 640, 16):
        answers = proposer.ask(range(first, first + 16))
        proposer.observe([measured(each) for each in answers])
        asked += answers
    count = Counter(each.policy for each in asked)
    assert all(count[policy] >= 2 for policy in SPACE.policies)
    assert count["good"] > 0.8 * len(asked)
