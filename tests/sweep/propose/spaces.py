"""hypothesis strategy for small search spaces with conditional parameters."""

from hypothesis import strategies as st

from policies import Param
from sweep.propose import Space


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    policies = {}
    for policy in draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True)):
        params = []
        if draw(st.booleans()):
            low = draw(st.integers(0, 3))
            high = low + draw(st.integers(0, 4))
            params.append(Param("count", "int", low, high, draw(st.booleans()), low, "", ""))
        if draw(st.booleans()):
            params.append(Param("order", "choice", 0, 1, False, "fifo", "", "", ("fifo", "lifo")))
        if draw(st.booleans()):
            low, high = draw(st.sampled_from([(0, 1), (0, 0), (1, 1)]))
            params.append(Param("gate", "bool", low, high, False, bool(low), "", ""))
            params.append(Param("gated", "int", 0, draw(st.integers(0, 5)), True, 0, "", "", (), "gate"))
            if draw(st.booleans()):
                params.append(Param("also", "bool", 0, 1, False, False, "", "", (), "gate"))
        policies[policy] = tuple(params)
    return Space(policies)
