"""What hypothesis makes of real configuration files: texts cut, doubled and spliced, values exchanged."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

PUNCTUATION = (*":-,[]{}&*!|>%@`#'\"?~=.\t\n\r\0\x7f\u2028\ufeff", "..", "---", "...", "<<:")
WORDS = (
    "null",
    "true",
    "no",
    "0",
    "-1",
    "1e400",
    ".inf",
    ".nan",
    "0x10",
    "0o7",
    "1_000",
    "2001-13-41",
    "12:30:45",
    "*a",
    "&a",
    "!!python/object:os.system",
    "!!binary",
    "!!set",
    "%YAML 1.9",
)
SNIPPETS = (
    *PUNCTUATION,
    *WORDS,
    "99999999999999999999999999",
    "64 MiB",
    "3 ms",
    "min: 5",
    "{min: 9, max: 1}",
    "[[[[[[[[",
    "{{{{",
    "- " * 40,
    "a: &x [*x]",
    "\n  ",
    "é漢\U0001f600",
    "policies",
    "budget",
    "trials",
    "objectives",
    "constraints",
    "retained_bytes.peak <= ",
    "exit_latency_ns.p99",
    "fixed_batch",
    "value",
    "source",
    "extends",
    "x" * 300,
)

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(SNIPPETS)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8) | st.sampled_from(SNIPPETS) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def mangled(draw: st.DrawFn, texts: Sequence[str]) -> str:
    """One of the texts, or nothing, after some cuts, insertions and exchanges."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(start + draw(st.sampled_from((0, 0, 1, 3, 20, 200))), len(text))
        piece = draw(
            st.sampled_from(SNIPPETS)
            | st.text(max_size=6)
            | st.sampled_from(texts).flatmap(lambda t: st.integers(0, len(t)).map(lambda at: t[at : at + 30]))
        )
        text = text[:start] + piece + text[end:]
    return text


@st.composite
def altered(draw: st.DrawFn, documents: Sequence[dict[str, Any]]) -> dict[Any, Any]:
    """One of the documents with values in it exchanged, dropped, renamed or added."""
    document: Any = draw(st.sampled_from(documents))
    for _ in range(draw(st.integers(1, 3))):
        document = _altered(draw, document)
    return document if isinstance(document, dict) else {"name": document}


def _altered(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value, key=repr)))
        rest = {k: v for k, v in value.items() if k != key}
        deed = draw(st.integers(0, 5))
        if deed == 0:
            return rest
        if deed == 1:
            return rest | {draw(st.text(max_size=8) | st.sampled_from(SNIPPETS) | st.integers()): value[key]}
        return {k: _altered(draw, v) if k == key else v for k, v in value.items()}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(value) - 1))
        if draw(st.integers(0, 4)) == 0:
            return [*value, value[at]]
        return [*value[:at], _altered(draw, value[at]), *value[at + 1 :]]
    return draw(ANYTHING)
