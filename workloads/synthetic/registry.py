"""What a generator is: a function from typed keyword parameters and a seed to events."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, Field, ValidationError, create_model

from workloads.defaults import RECORDED_READERS
from workloads.errors import WorkloadError, nearest
from workloads.model import MAX_CPUS, PressureCourse, ReaderModel, Workload
from workloads.synthetic.dice import Dice
from workloads.synthetic.timeline import Timeline

Count = Annotated[int, Field(ge=0, le=1_000_000)]
Some = Annotated[int, Field(ge=1, le=1_000_000)]
Cpus = Annotated[int, Field(ge=1, le=MAX_CPUS)]
Objects = Annotated[int, Field(ge=1, le=65_530)]
"""Up to max_map_count, include/linux/mm.h."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a generator returns."""

    timeline: Timeline
    duration_ns: int
    readers: ReaderModel = RECORDED_READERS
    pressure: PressureCourse | None = None


@dataclass(frozen=True, slots=True)
class Generator:
    """A named generator. `build` takes a Dice, then keyword parameters that have defaults."""

    name: str
    build: Callable[..., Scene]

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.build) or "").split("\n", 1)[0].rstrip(".")

    @property
    def documentation(self) -> str:
        """The rest of it, the distribution; one line per paragraph."""
        paragraphs = (inspect.getdoc(self.build) or "").split("\n\n")[1:]
        return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)

    def parameters(self) -> type[BaseModel]:
        """The keyword parameters as a model: types, ranges, defaults, in the function's order."""
        hints = get_type_hints(self.build, include_extras=True)
        keywords = list(inspect.signature(self.build).parameters.values())[1:]
        fields: dict[str, Any] = {word.name: (hints[word.name], word.default) for word in keywords}
        return create_model(self.name, **fields)

    def defaults(self) -> dict[str, int]:
        """Parameter to default value, in the function's order."""
        return self.parameters()().model_dump()

    def make(self, seed: int = 0, params: Mapping[str, int | str] | None = None) -> Workload:
        """The workload of a seed and parameters; the same on every machine.

        Parameters may be text, as on a command line. Raises WorkloadError for an unknown name, a
        value out of range, or parameters that make no rows or far too many.
        """
        if not 0 <= seed < 2**63:
            raise WorkloadError(f"{self.name}: seed is {seed}; expected 0 .. {2**63 - 1}")
        model = self.parameters()
        for key in params or {}:
            if key not in model.model_fields:
                raise WorkloadError(f"{self.name}: no parameter {key!r}. {nearest(key, model.model_fields)}")
        try:
            used = model.model_validate(dict(params or {})).model_dump()
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            wrong = f"{first['loc'][0]} is {first['input']!r}; {first['msg'].lower()}"
            raise WorkloadError(f"{self.name}: {wrong}") from error
        try:
            scene = self.build(Dice(seed), **used)
            events = scene.timeline.events()
        except WorkloadError as error:
            raise WorkloadError(f"{self.name}: {error}") from error
        return Workload(
            name=self.name,
            description=self.summary,
            origin="synthetic",
            events=events,
            nr_cpus=scene.timeline.nr_cpus,
            duration_ns=scene.duration_ns,
            readers=scene.readers,
            pressure=scene.pressure,
            provenance=(
                ("generator", self.name),
                ("seed", str(seed)),
                ("parameters", " ".join(f"{key}={str(value).lower()}" for key, value in used.items())),
            ),
        )
