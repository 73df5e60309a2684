"""hypothesis strategy for small search spaces with conditional parameters, narrowed in several ways."""

from hypothesis import strategies as st

from policies import Param
from sweep.propose import Range, Space


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    policies = {}
    for policy in draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True)):
        ranges = []
        if draw(st.booleans()):
            low = draw(st.integers(0, 3))
            high = low + draw(st.integers(0, 4))
            param = Param("count", "int", 0, 9, draw(st.booleans()), draw(st.integers(0, 9)), "", "")
            ranges.append(Range(param, range(low, high + 1)))
        if draw(st.booleans()):
            param = Param("size", "int", 1, 4096, draw(st.booleans()), 32, "", "")
            values = draw(st.lists(st.integers(1, 4096), min_size=1, max_size=4, unique=True))
            ranges.append(Range(param, tuple(values)))
        if draw(st.booleans()):
            param = Param("order", "choice", 0, 2, False, "fifo", "", "", ("fifo", "lifo", "any"))
            values = draw(st.lists(st.sampled_from(param.choices), min_size=1, unique=True))
            ranges.append(Range(param, tuple(values)))
        if draw(st.booleans()):
            gate = Param("gate", "bool", 0, 1, False, False, "", "")
            ranges.append(Range(gate, draw(st.sampled_from([(False, True), (False,), (True,)]))))
            gated = Param("gated", "int", 0, draw(st.integers(0, 5)), True, 0, "", "", (), "gate")
            ranges.append(Range.whole(gated))
            if draw(st.booleans()):
                ranges.append(Range.whole(Param("also", "bool", 0, 1, False, False, "", "", (), "gate")))
        policies[policy] = tuple(draw(st.permutations(ranges)))
    return Space(policies)
