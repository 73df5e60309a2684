"""What a person reads first in MLflow: the recommendation, and where the rest is."""

from __future__ import annotations

from collections.abc import Sequence

from sweep.report import tables, words
from sweep.standing import Standing
from sweep.track.place import Place


def while_running(name: str, figures: str) -> str:
    """Before there is a recommendation. figures: what kind they are."""
    return (
        f"The study `{name}` is running; its figures are **{figures}**. *Model metrics* shows how the front "
        "grows. The recommendation, the front and the report come when it ends."
    )


def note(now: Standing, place: Place, files: Sequence[str]) -> str:
    """Markdown, of which the UI shows about five lines at first. files: names of the artifacts there are."""
    best = now.recommended
    opening = f"Use {best.trial.configuration}" if best else "Nothing is recommended"
    links = [
        f"[{text}]({place.page('artifacts', name)})"
        for name, text in (("report.html", "Report"), ("front.html", "Front"))
        if name in files
    ]
    links.append(f"[Front, baseline and kernels]({place.view()})")
    links.append(f"[Hypervolume over trials]({place.page('model-metrics')})")
    links.append(f"[Files]({place.page('artifacts')})")
    return f"**{opening}** ({words.figures(now)}). {' · '.join(links)}\n\n{tables.advice(now)}\n"
