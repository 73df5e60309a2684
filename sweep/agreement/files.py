"""What a comparison leaves behind: the agreement, every pair, pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.agreement import model, plot
from sweep.agreement.assess import Pair
from sweep.agreement.run import Comparison
from sweep.trial import METRICS

MEASURED: Final = "measured.jsonl"
"""Every pass, as it was measured; what is there is not measured again."""
ROUNDS: Final = "calibration.jsonl"
"""Every round of a calibration in between, likewise."""
AGREEMENT: Final = "agreement.json"

COLUMNS: Final[dict[str, pa.DataType]] = {
    "workload": pa.string(),
    "role": pa.string(),
    "policy": pa.string(),
    "params": pa.string(),
    "configuration": pa.string(),
    "metric": pa.string(),
    "unit": pa.string(),
    "measured": pa.float64(),
    "passes": pa.list_(pa.float64()),
    "simulated": pa.float64(),
}
"""pairs.parquet: one row per pair and metric. params: JSON. configuration: its key."""


def write(directory: Path, comparison: Comparison, shown: Sequence[str]) -> None:
    """agreement.json, pairs.parquet, agreement.png, agreement.html. Raises OSError."""
    agreement = comparison.agreement
    (directory / AGREEMENT).write_text(model.dump(agreement))
    table = pa.Table.from_pylist(list(_rows(comparison.pairs)), schema=pa.schema(COLUMNS))
    about = {"machine": agreement.machine, "machine_key": agreement.machine_key, "bench": agreement.bench}
    about |= {
        "where": agreement.where,
        "simulator": agreement.simulator,
        "measured_on": agreement.measured_on,
    }
    pq.write_table(table.replace_schema_metadata(about), directory / "pairs.parquet")
    title = (
        f"Simulator with profile {agreement.machine} against machine {agreement.machine_key}, "
        f"{agreement.where}, {agreement.measured_on}"
    )
    plot.write_png(directory / "agreement.png", title, agreement, comparison.pairs, shown)
    plot.write_html(directory / "agreement.html", title, agreement, comparison.pairs, shown)


def _rows(pairs: Sequence[Pair]) -> Iterator[dict[str, Any]]:
    for pair in pairs:
        for name, metric in METRICS.items():
            if name not in pair.unmeasured:
                yield {
                    "workload": pair.workload,
                    "role": pair.role,
                    "policy": pair.configuration.policy,
                    "params": json.dumps(pair.configuration.mapping()),
                    "configuration": pair.configuration.key(),
                    "metric": name,
                    "unit": metric.unit,
                    "measured": pair.measured(name),
                    "passes": [float(each.get(name)) for each in pair.passes],
                    "simulated": float(pair.simulated.get(name)),
                }
