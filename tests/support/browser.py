"""A real browser, for HTML pages."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.peers import node_programs

_AT_HOME = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@contextmanager
def browsing(folder: Path, *, is_dark: bool = False) -> Iterator[Any]:
    """Start Chromium with a profile in a folder; skip with a reason if it or its driver is missing."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    browser, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("not installed: chromium and chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (*_AT_HOME, f"--user-data-dir={folder / 'profile'}", "--window-size=1100,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chromium = webdriver.Chrome(options, webdriver.ChromeService(driver))
    try:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        yield chromium
    finally:
        chromium.quit()


def complaints(chromium: Any) -> list[str]:
    """Return what the page has written to the console."""
    return [entry["message"] for entry in chromium.get_log("browser")]


def accessibility_problems(chromium: Any) -> list[str]:
    """Return the problems that axe finds on the page."""
    axe = node_programs() / "node_modules" / "axe-core" / "axe.min.js"
    chromium.execute_script(axe.read_text(encoding="utf-8"))
    script = (
        "axe.run().then(found => arguments[0](JSON.stringify(found.violations)), error => arguments[0]('[]' + error))"
    )
    violations = json.loads(chromium.execute_async_script(script))
    return [f"{found['id']}: {found['nodes'][0]['html']}" for found in violations]
