import pytest

from sweep.trial import METRICS, Attempt, Configuration, Measurement, Trial


def measurement(start: int = 1) -> Measurement:
    return Measurement.from_flat({name: start + place for place, name in enumerate(METRICS)})


def attempt(trial: int, number: int = 0) -> Attempt:
    configuration = Configuration.of("fixed_batch", {"max": 32 + trial, "lazy": True})
    measured = (("a @ m", measurement(trial)), ("b @ m", measurement(2 * trial)))
    return Attempt(Trial(trial, configuration, "sampler"), number, measured, None, "host/1", 1.5, 0.25)


@pytest.fixture
def an_attempt() -> Attempt:
    return attempt(0)


@pytest.fixture
def ten_attempts() -> list[Attempt]:
    return [attempt(trial) for trial in range(10)]
