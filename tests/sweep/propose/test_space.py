import itertools

from hypothesis import given
from hypothesis import strategies as st

from policies import Param
from sweep.propose import Space
from sweep.propose.space import start_of, values_of
from sweep.trial import Configuration
from tests.sweep.propose.spaces import spaces


@given(spaces(), st.data())
def test_start_and_canonical_are_in_the_space(space: Space, data: st.DataObject) -> None:
    for policy, params in space.policies.items():
        assert space.start(policy) in space
        values = {param.name: data.draw(st.sampled_from(values_of(param))) for param in params}
        canonical = space.canonical(policy, values)
        assert canonical in space
        assert space.canonical(policy, canonical.mapping()) == canonical
        for param in params:
            if param.only_with is None:
                assert canonical.mapping()[param.name] == values[param.name]


@given(spaces())
def test_size_counts_the_distinct_configurations(space: Space) -> None:
    distinct = set()
    for policy, params in space.policies.items():
        for values in itertools.product(*(values_of(param) for param in params)):
            names = [param.name for param in params]
            distinct.add(space.canonical(policy, dict(zip(names, values, strict=True))))
    assert space.size() == len(distinct)


def test_a_default_outside_a_narrowed_range_gives_way_to_the_nearest_value() -> None:
    assert start_of(Param("max", "int", 40, 50, True, 32, "objects", "")) == 40
    assert start_of(Param("max", "int", 1, 20, True, 32, "objects", "")) == 20
    assert start_of(Param("lazy", "bool", 1, 1, False, False, "", "")) is True
    assert start_of(Param("order", "choice", 0, 0, False, "fifo", "", "", ("lifo",))) == "lifo"


def test_what_is_incomplete_or_out_of_range_is_not_in_the_space() -> None:
    space = Space({"p": (Param("max", "int", 1, 8, False, 4, "", ""),)})
    assert Configuration.of("p", {"max": 8}) in space
    assert Configuration.of("p", {"max": 9}) not in space
    assert Configuration.of("p") not in space
    assert Configuration.of("q", {"max": 8}) not in space
    assert "p" not in space
