"""Charts: what lies inside is drawn where it belongs, what lies outside is not."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from hypothesis import given
from hypothesis import strategies as st

from sweep.report.svg import Axis, Chart

VALUES = st.floats(-3, 3, allow_nan=False)


def chart() -> Chart:
    return Chart("a & b", Axis("x", 0, 2), Axis("y", 0, 1), 640, 400)


def parsed(made: Chart) -> ElementTree.Element:
    return ElementTree.fromstring(str(made.render()))


@given(st.lists(st.tuples(VALUES, VALUES), max_size=20))
def test_points_inside_are_drawn_in_order_and_no_others(points: list[tuple[float, float]]) -> None:
    made = chart()
    made.points("m", points, [f"<{i}>" for i in range(len(points))])
    circles = [e for e in parsed(made).iter() if e.tag.endswith("circle")]
    inside = [i for i, (x, y) in enumerate(points) if 0 <= x <= 2 and 0 <= y <= 1]
    assert [c[0].text for c in circles] == [f"<{i}>" for i in inside]
    for circle, i in zip(circles, inside, strict=True):
        across, up = float(circle.attrib["cx"]), float(circle.attrib["cy"])
        left, bottom = made.place(0, 0)
        right, top = made.place(2, 1)
        assert abs((across - left) / (right - left) - points[i][0] / 2) < 0.01
        assert abs((up - bottom) / (top - bottom) - points[i][1]) < 0.01


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_lie_within_the_axis(low: float, span: float) -> None:
    axis = Axis("x", low, low + span)
    ticks = axis.ticks(6)
    assert ticks == sorted(ticks)
    assert len(ticks) <= 8
    assert all(-1e-9 <= axis.share(t) <= 1 + 1e-9 for t in ticks)


def test_labels_do_not_cover_each_other() -> None:
    made = chart()
    for i in range(5):
        made.label("b", 1.0, 0.5, f"number {i}")
    boxes = []
    for e in parsed(made).iter():
        if "label" in e.attrib.get("class", ""):
            x, y = float(e.attrib["x"]), float(e.attrib["y"])
            boxes.append((x - 50 if e.attrib["text-anchor"] == "end" else x, y))
    assert len(boxes) == 5
    assert all(abs(a[1] - b[1]) > 12 or abs(a[0] - b[0]) > 40 for i, a in enumerate(boxes) for b in boxes[:i])


def test_it_is_xml_with_names_escaped() -> None:
    made = chart()
    made.line("front", [(0, 0), (1, 1), (2, 0.5)], steps=True)
    made.area("s1", [(0, 0), (2, 0)], [(0, 1), (2, 1)], "a < b")
    root = parsed(made)
    assert root.attrib["aria-label"] == "a & b"
    paths = [e.attrib["d"] for e in root.iter() if e.attrib.get("class") == "front"]
    assert len(re.findall(r"[ML]", paths[0])) == 5
