"""What is promoted: by the probability to be on the front, given the simulator's error."""

from __future__ import annotations

from dataclasses import replace

from policies import policy
from sweep.ladder.errors import STATED, Error, ErrorModel, Prior
from sweep.ladder.promote import Promoter, Rules
from sweep.propose import Observation, Proposer, Range, Space, make
from sweep.trial import Configuration

RULES = Rules(min_correlation=0.5, judge_after=8, repeats=0.0, reference=2.0)
SPACE = Space({name: tuple(map(Range.whole, policy(name).params)) for name in ("fixed_batch", "whole_list")})


def configuration(batch: int) -> Configuration:
    return SPACE.canonical("fixed_batch", {"max": batch})


def simulated(count: int = 40) -> list[Observation]:
    """A front of a few, x * y = 0.25, and as many behind it by a factor."""
    found = []
    for number in range(count):
        x = 0.25 + 1.5 * number / count
        behind = 1.0 if number % 4 == 0 else 1.0 + number % 4
        found.append(Observation(configuration(number + 1), (x, behind * 0.25 / x)))
    return found


def sampler() -> Proposer:
    return make("nsga2", SPACE, 2, 1, 16, 2.0)


def promoter(of: list[Observation], *, spread: float = 0.05, rules: Rules = RULES) -> Promoter:
    errors = ErrorModel([Prior(Error(0.0, spread), 50.0)] * 2)
    return Promoter(SPACE, of, errors, rules, sampler, 1)


def front(of: list[Observation]) -> set[Configuration]:
    return {each.configuration for number, each in enumerate(of) if number % 4 == 0}


def test_with_a_simulator_that_hardly_errs_its_front_is_promoted_and_nothing_behind_it() -> None:
    of = simulated()
    made = promoter(of)
    asked = made.ask(range(8))
    assert len(set(asked)) == len(asked) == 8
    inside = [each for each in asked if each in {o.configuration for o in of}]
    assert len(inside) >= 6  # the others are what the sampler explores
    assert set(inside) <= front(of)


def test_chances_follow_the_error() -> None:
    """The worse the simulator, the likelier is what it ranks behind."""
    of = simulated()
    behind = {each.configuration for each in of} - front(of)
    shares = []
    for spread in (0.01, 0.3, 1.0):
        chances = promoter(of, spread=spread).chances()
        assert all(0 <= share <= 1 for share in chances.values())
        shares.append(sum(chances.get(each, 0.0) for each in behind))
    assert shares == sorted(shares)
    assert shares[0] < 0.01 < 0.5 < shares[-1]


def test_what_it_answers_follows_from_what_it_was_told() -> None:
    of = simulated()
    first, second = promoter(of, spread=0.3), promoter(of, spread=0.3)
    for step in range(4):
        numbers = range(4 * step, 4 * step + 4)
        asked = first.ask(numbers)
        assert second.ask(numbers) == asked
        told = [Observation(c, (0.5, 0.5), 0.0, (0.02, 0.02)) for c in asked]
        first.observe(told)
        for each in told:
            second.observe([each])


def test_what_is_pending_or_measured_is_not_asked_for_again() -> None:
    made = promoter(simulated(), spread=0.3)
    seen: list[Configuration] = []
    for step in range(6):
        asked = made.ask(range(4 * step, 4 * step + 4), seen[-4:])
        assert not set(asked) & set(seen)
        made.observe([Observation(c, (1.0, 1.0), 0.0, (0.02, 0.02)) for c in seen[-4:]])
        seen += asked


def test_what_was_measured_takes_the_place_of_what_was_simulated() -> None:
    """One that was simulated best and measured bad keeps nothing off the front."""
    of = [Observation(configuration(1), (0.1, 0.1)), Observation(configuration(2), (0.5, 0.5))]
    made = promoter(of)
    assert made.chances()[configuration(2)] < 0.01
    made.observe([Observation(configuration(1), (1.5, 1.5), 0.0, (0.01, 0.01))])
    assert made.chances()[configuration(2)] > 0.5


def test_what_the_simulator_finds_infeasible_or_failing_is_not_promoted() -> None:
    of = [
        Observation(configuration(1), (0.1, 0.1), 3.0),
        Observation(configuration(2), ()),
        Observation(configuration(3), (0.5, 0.5)),
    ]
    assert set(promoter(of).chances()) == {configuration(3)}


def test_what_is_only_compared_with_keeps_nothing_off_the_front() -> None:
    of = simulated()
    made = promoter(of)
    before = made.chances()
    beyond_all = Configuration.of("direct_exit", {"bulk_size": 1})
    made.observe([Observation(beyond_all, (0.01, 0.01), 0.0, (0.01, 0.01))])
    assert made.chances() == before
    assert made.ask(range(4)) == promoter(of).ask(range(4))


def test_the_first_promotions_are_spread_over_the_expected_front_however_far_the_simulator_may_err() -> None:
    of = simulated()
    rules = replace(RULES, repeats=0.0)
    asked = promoter(of, spread=1.0, rules=rules).ask(range(6))
    promoted = [place for place, each in enumerate(of) if each.configuration in asked]
    assert len(promoted) >= 5  # a sampler may explore once
    assert {of[place].configuration for place in promoted} <= front(of)
    thirds = {3 * place // len(of) for place in promoted}
    assert thirds == {0, 1, 2}


def test_repeats_go_where_the_front_is_uncertain() -> None:
    rules = Rules(0.5, 8, 1.0, 2.0)
    made = promoter(simulated(), rules=rules)
    sure, either, other, far = map(configuration, (1, 2, 3, 4))
    made.observe(
        [
            Observation(sure, (0.1, 1.0), 0.0, (0.01, 0.01)),
            Observation(either, (0.5, 0.50), 0.0, (0.05, 0.05)),
            Observation(other, (0.5, 0.51), 0.0, (0.05, 0.05)),
            Observation(far, (1.5, 1.5), 0.0, (0.05, 0.05)),
        ]
    )
    asked = [made.ask([number])[0] for number in range(6)]
    assert set(asked) == {either, other} or set(asked) == {either} or set(asked) == {other}
    assert set(made.ask([0], [either, other])) & {sure, far} == set()


def test_a_configuration_is_not_repeated_for_ever() -> None:
    made = promoter([], rules=Rules(0.5, 8, 1.0, 2.0))
    a, b = configuration(1), configuration(2)
    for _ in range(5):
        made.observe([Observation(c, (0.5, 0.5), 0.0, (0.05, 0.05)) for c in (a, b)])
    assert made.ask([0])[0] not in (a, b)


def test_promotion_stops_where_the_levels_do_not_rank_alike_and_says_so() -> None:
    of = simulated()
    made = promoter(of)
    made.observe(
        [Observation(e.configuration, (e.values[0] ** 2, 3 * e.values[1]), 0.0, (0.01, 0.01)) for e in of]
    )
    assert not made.stopped  # wrong by a factor, but in order
    opposite = promoter(of)
    opposite.observe(
        [Observation(e.configuration, (2 - e.values[0], e.values[1]), 0.0, (0.01, 0.01)) for e in of[:8]]
    )
    assert "rank correlation is -1.00, below 0.5" in opposite.stopped
    assert opposite.ask(range(4)) == _plain(of[:8])


def _plain(of: list[Observation]) -> list[Configuration]:
    """What a sampler answers that knows the measured ones alone."""
    asked: list[Configuration] = []
    for number in range(4):
        made = sampler()
        made.observe([Observation(e.configuration, (2 - e.values[0], e.values[1]), 0.0) for e in of])
        asked += made.ask([number], asked)
    return asked


def test_without_anything_to_promote_the_sampler_goes_on() -> None:
    asked = promoter([]).ask(range(5))
    assert len(set(asked)) == 5
    assert all(each in SPACE for each in asked)


def test_stated_priors_are_as_many_as_objectives() -> None:
    assert ErrorModel([STATED] * 3).expected([("p", (1.0, 1.0, 1.0))]).shape == (1, 3)
