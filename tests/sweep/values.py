"""hypothesis strategies for the values of sweep.trial."""

from hypothesis import strategies as st

from sweep.trial import (
    METRICS,
    Attempt,
    Cause,
    Configuration,
    Evidence,
    Failure,
    Interval,
    Measurement,
    Trial,
)

NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)
WORDS = st.text('ab z0-9=\n\t"\\äß€𝄞', max_size=12)  # a few of each kind of character
FIGURES = st.floats(0, 1e18, allow_nan=False)
COUNTS = st.integers(0, 2**63 - 1)


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    values = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), WORDS)
    return Configuration.of(draw(NAMES), draw(st.dictionaries(NAMES, values, max_size=4)))


@st.composite
def measurements(draw: st.DrawFn) -> Measurement:
    values = {name: draw(COUNTS if metric.integral else FIGURES) for name, metric in METRICS.items()}
    return Measurement.from_flat(values)


INTERVALS = st.lists(
    st.tuples(st.sampled_from(sorted(METRICS)), st.builds(Interval, FIGURES, FIGURES, FIGURES)), max_size=3
).map(tuple)
EVIDENCE = st.builds(
    Evidence,
    level=NAMES,
    machine=NAMES,
    blocks=st.integers(0, 2**31 - 1),
    disturbed=st.integers(0, 2**31 - 1),
    values=INTERVALS,
    ratios=INTERVALS,
    unmeasured=st.lists(st.sampled_from(sorted(METRICS)), max_size=2).map(tuple),
)


@st.composite
def attempts(draw: st.DrawFn, scenarios: tuple[str, ...] = ("a @ m", "b @ m")) -> Attempt:
    number = draw(st.integers(0, 3))
    failure = draw(st.none() | st.builds(Failure, st.sampled_from(Cause), WORDS))
    measured = scenarios if failure is None else draw(st.sampled_from([(), scenarios[:1]]))
    noisy = [scenario for scenario in measured if draw(st.booleans())]
    return Attempt(
        trial=Trial(draw(st.integers(0, 20)), draw(configurations()), draw(NAMES)),
        number=number,
        measurements=tuple((scenario, draw(measurements())) for scenario in measured),
        failure=failure,
        worker=draw(WORDS),
        started_s=draw(st.floats(0, 4e9)),
        elapsed_s=draw(st.floats(0, 1e6)),
        evidence=tuple((scenario, draw(EVIDENCE)) for scenario in noisy),
    )
