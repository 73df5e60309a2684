"""Studies in files: found by name or path, read, overridden, explained when wrong."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from sweep import paths
from sweep.fields import unknown
from sweep.study import Study


class StudyError(ValueError):
    """A study that cannot be run; the message names the file and key, and what was expected."""


def names() -> list[str]:
    """The studies that come with the project."""
    return sorted(path.stem for path in paths.conf().glob("*.yaml"))


def find(name_or_path: str) -> Path:
    """A study file by its path, or by its name in conf/. Raises StudyError with the nearest names."""
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml") and paths.is_file(path):
        return path
    inside = paths.conf() / f"{name_or_path}.yaml"
    if paths.is_file(inside):
        return inside
    if path.suffix in (".yaml", ".yml"):
        raise StudyError(f"{path}: no such file")
    raise StudyError(unknown("study", name_or_path, names()))


def load(path: Path, overrides: Sequence[str] = ()) -> Study:
    """The study of a YAML file, with `key=value` overrides (dotted keys, YAML values).

    Raises StudyError.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: cannot be read: {error}") from error
    return read(text, str(path), overrides)


def read(text: str, where: str, overrides: Sequence[str] = ()) -> Study:
    """The study of a YAML text. Raises StudyError, naming `where`."""
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: a scalar that looks like a date and is none.
        raise StudyError(f"{where}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise StudyError(f"{where}: expected keys and values, as in conf/quick.yaml")
    for override in overrides:
        _override(data, override)
    return parse(data, where)


def parse(data: Mapping[str, Any], where: str) -> Study:
    """The study of plain values. Raises StudyError, naming `where`."""
    try:
        return Study.model_validate(data)
    except ValidationError as error:
        lines = dict.fromkeys(_explain(where, each) for each in _told_once(error.errors()))
        raise StudyError("\n".join(lines)) from None


def dump(study: Study) -> str:
    """The study as a YAML text that `read` takes for the same study."""
    # In ASCII: PyYAML writes some line breaks (U+0085) so that it reads them back as spaces.
    return yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False)


def schema() -> dict[str, Any]:
    """The JSON schema of a study file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Study.model_json_schema()}


_WORDS = (
    ("a list", "a valid tuple"),
    ("list", "Tuple"),
    ("", " after validation"),
    ("keys and values", "a valid dictionary"),
    ("", " or instance of Pressure"),
    ("", " or instance of Readers"),
    ("", " or instance of WorkloadUse"),
)
"""Pydantic's words for values, and those of people who write YAML."""


def _told_once(errors: Sequence[Any]) -> list[Any]:
    """Of a key that has several forms, pydantic tells what is wrong with each: keep the form meant."""
    forms = [e for e in errors if not (len(e["loc"]) > 1 and str(e["loc"][1]).startswith("literal["))]
    found = forms or list(errors)
    # A list whose elements are wrong is not also too short.
    return [e for e in found if e["type"] != "too_short" or not any(_is_inside(o, e) for o in found)]


def _is_inside(inner: Any, outer: Any) -> bool:
    depth = len(outer["loc"])
    return len(inner["loc"]) > depth and inner["loc"][:depth] == outer["loc"]


def _explain(where: str, error: Any) -> str:
    *before, last = map(str, error["loc"]) if error["loc"] else ("",)
    parents = [part for part in before if not _is_form(part)]
    key = ".".join(parents if _is_form(last) else [*parents, last])
    if error["type"] == "extra_forbidden":
        text = unknown("key", last, _fields_at(parents))
        return f"{where}: {'.'.join(parents) + ': ' if parents else ''}{text}"
    text = error["msg"].removeprefix("Value error, ")
    for ours, theirs in _WORDS:
        text = text.replace(theirs, ours)
    shown = _shown(error["input"])
    said = error["type"] == "value_error" or error["type"] == "missing" or not key
    return f"{where}: {key + ': ' if key else ''}{text[0].lower() + text[1:]}" + (
        "" if said else f" (it is {shown if len(shown) <= 80 else shown[:77] + '...'})"
    )


def _shown(value: Any) -> str:
    try:
        return json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError):
        return "..."  # what JSON cannot say: keys that are lists, what contains itself


def _is_form(part: str) -> bool:
    return part.startswith(("literal[", "tuple[", "dict[", "function-", "json-or-python")) or part in (
        "Readers",
        "Pressure",
        "bool",
        "int",
        "float",
        "str",
    )


def _fields_at(parents: Sequence[str]) -> Iterator[str]:
    model: type[BaseModel] = Study
    for part in parents:
        if part in model.model_fields:
            model = next(_models(model.model_fields[part].annotation), model)
    yield from model.model_fields


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models inside an annotation, through unions and containers."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is not None:
        for inner in typing.get_args(annotation):
            yield from _models(inner)


def _override(data: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise StudyError(f"--set {text}: expected KEY=VALUE, such as --set budget.trials=200")
    *parents, last = key.split(".")
    for parent in parents:
        if data.get(parent) is None:
            data[parent] = {}
        data = data[parent]
        if not isinstance(data, dict):
            raise StudyError(f"--set {text}: {parent!r} holds a value, not keys")
    try:
        data[last] = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise StudyError(f"--set {text[:80]}: the value is not YAML") from error
