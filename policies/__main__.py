"""`python -m policies list | show NAME`: what there is to tune."""

from __future__ import annotations

import dataclasses
import json
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

import policies
from policies import ParamValue, Policy, PolicyError, Preset

app = typer.Typer(help="Freeing policies, their parameters, and what kernels do.", no_args_is_help=True)


class Format(StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="A table to read, or one JSON document.")]


@app.command("list")
def list_command(format: FormatOption = Format.TABLE) -> None:
    """Every policy and every preset, a line each."""
    catalogue, presets = policies.catalogue().values(), policies.presets().values()
    if format is Format.JSON:
        _print_json(
            {
                "policies": [dataclasses.asdict(p) for p in catalogue],
                "presets": [_preset_json(p) for p in presets],
            }
        )
        return
    table = Table("policy", "what it does", "parameters", title="Policies", title_justify="left")
    for policy in catalogue:
        baseline = " (baseline)" if policy.name == policies.BASELINE else ""
        table.add_row(
            policy.name + baseline, policy.summary, ", ".join(param.name for param in policy.params)
        )
    console = Console()
    console.print(table)
    table = Table("preset", "kernels", "policy", title="Presets", title_justify="left")
    for preset in presets:
        table.add_row(preset.name, preset.kernels or "none", _configuration(preset))
    console.print(table)


@app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(help="A policy, a preset, or a release such as linux-6.8.")],
    format: FormatOption = Format.TABLE,
) -> None:
    """One policy with its parameters, or one preset."""
    try:
        chosen = _find(name)
    except PolicyError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    if format is Format.JSON:
        _print_json(dataclasses.asdict(chosen) if isinstance(chosen, Policy) else _preset_json(chosen))
    elif isinstance(chosen, Policy):
        _show_policy(chosen)
    else:
        _show_preset(chosen)


def _find(name: str) -> Policy | Preset:
    if name in policies.presets() or name.startswith("linux-"):
        return policies.preset(name)
    return policies.policy(name)


def _show_policy(policy: Policy) -> None:
    console = Console()
    console.print(f"[bold]{policy.name}[/bold]: {policy.summary}", highlight=False)
    console.print(f"origin: {policy.origin}", highlight=False)
    if policy.typesafe:
        console.print(
            "slab cache: SLAB_TYPESAFE_BY_RCU, objects may be reused under a reader", highlight=False
        )
    for preset in policies.presets().values():
        if preset.policy == policy.name:
            console.print(f"preset {preset.name}: {_configuration(preset)}", highlight=False)
    if not policy.params:
        console.print("no parameters", highlight=False)
        return
    table = Table("parameter", "values", "default", "meaning")
    table.columns[0].no_wrap = True
    for param in policy.params:
        meaning = param.help + (f" (only with {param.only_with})" if param.only_with else "")
        scale = (" log" if param.log_scale else " linear") if param.type == "int" else ""
        values = f"{param.type} {param.describe_range()}{scale}"
        table.add_row(param.name, values, f"{_word(param.default)} {param.unit}", meaning)
    console.print(table)


def _show_preset(preset: Preset) -> None:
    console = Console()
    console.print(f"[bold]{preset.name}[/bold]: {_configuration(preset)}", highlight=False)
    console.print(f"kernels: {preset.kernels or 'none'}", highlight=False)
    console.print(preset.description, highlight=False)
    if preset.measured:
        console.print(f"measured: {preset.measured}", highlight=False, markup=False)


def _configuration(preset: Preset) -> str:
    return " ".join([preset.policy, *(f"{name}={_word(value)}" for name, value in preset.params)])


def _word(value: ParamValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _preset_json(preset: Preset) -> dict[str, Any]:
    return dataclasses.asdict(preset) | {"params": dict(preset.params)}


def _print_json(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    app(prog_name="python -m policies")
