"""The page in a browser without a network: no error, nothing wider than the window, light, dark and on paper."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sweep.report.files import write

from .conftest import EVIDENCE, OBJECTIVES, Measured

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs a Chromium on the PATH")
    with sync_api.sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(measured: Measured, tmp_path_factory: pytest.TempPathFactory) -> Path:
    asked = measured.study(objectives=OBJECTIVES[:3], combine="regret")
    where = tmp_path_factory.mktemp("browser")
    write(asked, measured.scenarios, measured.standing(asked), measured.course(asked), EVIDENCE, where)
    return where


@pytest.mark.slow
@pytest.mark.parametrize("page", ["report.html", "front.html"])
@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 1200), ("light", 390)])
def test_it_opens_offline_without_an_error(
    browser: Any, report: Path, page: str, scheme: str, width: int
) -> None:
    context = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": width, "height": 900})
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("requestfailed", lambda request: said.append(request.url))
    opened.goto((report / page).as_uri())
    assert said == []
    if page == "report.html":
        assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
        paper = opened.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(18, 22, 28)")
        assert opened.locator("svg.chart").count() > 4
        assert opened.locator("svg.chart").first.bounding_box()["height"] > 100
        anchors = opened.eval_on_selector_all("nav a", "links => links.map(a => a.getAttribute('href'))")
        assert all(opened.locator(anchor).count() == 1 for anchor in anchors)
    context.close()


@pytest.mark.slow
def test_on_paper_it_is_light_and_nothing_is_folded_away(browser: Any, report: Path, tmp_path: Path) -> None:
    context = browser.new_context(offline=True, color_scheme="dark")
    opened = context.new_page()
    opened.goto((report / "report.html").as_uri())
    opened.evaluate("document.querySelectorAll('details').forEach(d => { d.open = false; })")
    opened.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    assert opened.evaluate("[...document.querySelectorAll('details.place')].every(d => d.open)")
    opened.emulate_media(media="print", color_scheme="dark")
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    context.close()
