"""What a person sees: a small study in the MLflow UI, looked at with Debian's Chromium."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
PATIENCE_MS = 90_000
"""For what a page loads, on a machine that has other things to do."""

NO_ASSISTANT = "localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true')"
"""MLflow 3.17 opens its assistant by itself once per browser; here that has been and it was closed."""

pytestmark = [
    pytest.mark.slow(18),
    pytest.mark.skipif(CHROMIUM is None, reason="no `chromium` in PATH (Debian: apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a study that was launched as anybody would."""
    place = tmp_path_factory.mktemp("looked-at") / "store"
    command = [sys.executable, "-m", "sweep", "launch", "quick", "--in-process", "--store", str(place)]
    command += ["--set", "budget.trials=60", "--set", "budget.wall_time_s=300"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr
    assert "not shown in MLflow" not in ended.stdout
    return place


@pytest.fixture(scope="module")
def address(store: Path) -> Iterator[str]:
    """Of the study's run, as `python -m sweep ui` prints it."""
    command = [sys.executable, "-m", "sweep", "ui", "--store", str(store), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as ui:
        assert ui.stdout is not None
        try:
            for line in ui.stdout:
                if found := re.search(r"quick: (http://127\.0\.0\.1:\S+)", line):
                    yield found[1]
                    break
            else:
                raise AssertionError("no address was printed")
        finally:
            ui.send_signal(signal.SIGINT)
            assert ui.wait(60) == 0


@pytest.fixture(scope="module")
def abroad() -> list[str]:
    """Addresses that pages asked for, other than our server's."""
    return []


@pytest.fixture(scope="module")
def context(abroad: list[str]) -> Iterator[BrowserContext]:
    def visit(route: Route) -> None:
        if re.match(r"(http://127\.0\.0\.1:|data:|blob:)", route.request.url):
            route.continue_()
        else:
            abroad.append(route.request.url)
            route.abort()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_context(viewport={"width": 1500, "height": 950})
        opened.set_default_timeout(PATIENCE_MS)
        opened.route("**/*", visit)
        opened.add_init_script(NO_ASSISTANT)
        yield opened
        browser.close()


@pytest.fixture
def page(context: BrowserContext, address: str) -> Iterator[Page]:
    """The study's run."""
    expect.set_options(timeout=PATIENCE_MS)
    opened = context.new_page()
    opened.goto(address)
    expect(opened.get_by_role("heading", name="quick")).to_be_visible()
    yield opened
    opened.close()


def follow(page: Page, link: str) -> Page:
    """Click a link of the note; it opens a tab."""
    with page.context.expect_page() as opened:
        page.get_by_role("link", name=link, exact=True).click()
    return opened.value


def test_the_run_opens_with_the_recommendation(page: Page) -> None:
    expect(page.get_by_text(re.compile(r"^Use .+"), exact=False).first).to_be_visible()
    expect(page.get_by_text("(simulated)", exact=False).first).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("^recommended")).first).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("^baseline: per_object")).first).to_be_visible()


def test_the_hypervolume_is_the_first_chart_of_the_metrics(page: Page) -> None:
    page.get_by_role("tab", name="Model metrics").click()
    first = page.get_by_test_id("experiment-view-compare-runs-card").first
    expect(first.get_by_role("heading", name="hypervolume")).to_be_visible()
    expect(first.locator(".scatterlayer .trace .point").first).to_be_visible()


def test_the_front_is_drawn(page: Page) -> None:
    front = follow(page, "Front").frame_locator("iframe").locator(".js-plotly-plot")
    expect(front.locator(".scatterlayer .trace .point").first).to_be_visible()
    expect(front.get_by_text("recommended", exact=True).first).to_be_visible()


def test_the_report_can_be_read(page: Page) -> None:
    report = follow(page, "Report").frame_locator("iframe")
    expect(report.get_by_text("simulated", exact=False).first).to_be_visible()


def test_parallel_coordinates_show_policies_against_what_they_cost(page: Page) -> None:
    view = follow(page, "Front, baseline and kernels")
    axes = view.locator(".parcoords .dimension")
    expect(axes).to_have_count(3)
    policy, latency, retained = axes.all_text_contents()
    assert "typesafe" in policy
    assert "exit_l" in latency
    assert "retain" in retained
    scatter = view.get_by_test_id("experiment-view-compare-runs-card").nth(1)
    expect(scatter.locator(".scatterlayer .point").nth(5)).to_be_attached()


def test_nobody_else_is_asked_for_anything(page: Page, abroad: list[str]) -> None:
    """Last: of all the pages above."""
    page.wait_for_load_state("networkidle")
    time.sleep(1)
    assert abroad == []
