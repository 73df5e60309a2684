import itertools

from hypothesis import given
from hypothesis import strategies as st

from policies import Param
from sweep.propose import Range, Space
from sweep.trial import Configuration
from tests.sweep.propose.spaces import spaces


@given(spaces(), st.data())
def test_start_and_canonical_are_in_the_space(space: Space, data: st.DataObject) -> None:
    for policy, ranges in space.policies.items():
        assert space.start(policy) in space
        values = {each.name: data.draw(st.sampled_from(each.values)) for each in ranges}
        canonical = space.canonical(policy, values)
        assert canonical in space
        assert space.canonical(policy, canonical.mapping()) == canonical
        for each in ranges:
            if each.param.only_with is None:
                assert canonical.mapping()[each.name] == values[each.name]


@given(spaces())
def test_every_configuration_has_a_number(space: Space) -> None:
    for policy, ranges in space.policies.items():
        names = [each.name for each in ranges]
        distinct = {
            space.canonical(policy, dict(zip(names, values, strict=True)))
            for values in itertools.product(*(each.values for each in ranges))
        }
        assert space.count(policy) == len(distinct)
        assert {space.nth(policy, index) for index in range(space.count(policy))} == distinct
    assert space.size() == sum(map(space.count, space.policies))


def test_a_default_outside_a_narrowed_range_gives_way_to_the_nearest_value() -> None:
    maximum = Param("max", "int", 1, 4096, True, 32, "objects", "")
    assert Range(maximum, range(40, 51)).start == 40
    assert Range(maximum, range(1, 21)).start == 20
    assert Range(maximum, (1, 30, 64)).start == 30
    assert Range(maximum, (64, 32)).start == 32
    assert Range(Param("lazy", "bool", 0, 1, False, False, "", ""), (True,)).start is True
    order = Param("order", "choice", 0, 1, False, "fifo", "", "", ("fifo", "lifo"))
    assert Range(order, ("lifo",)).start == "lifo"


def test_what_is_incomplete_or_out_of_range_is_not_in_the_space() -> None:
    space = Space({"p": (Range(Param("max", "int", 1, 8, False, 4, "", ""), (2, 8)),)})
    assert Configuration.of("p", {"max": 8}) in space
    assert Configuration.of("p", {"max": 4}) not in space
    assert Configuration.of("p") not in space
    assert Configuration.of("q", {"max": 8}) not in space
    assert "p" not in space
