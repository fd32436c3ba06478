"""The report as a browser shows it: `tox run -e browser`, with Chromium installed."""

import os
import re
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture
def chromium():
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium: install it, for example by apt-get install chromium")
        pytest.skip("no Chromium: install it, for example by apt-get install chromium")
    return found


def test_every_curve_is_drawn_and_the_console_is_silent(chromium, report, tmp_path):
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    shown = subprocess.run(
        [
            chromium,
            *flags.split(),
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--enable-logging=stderr",
            f"--screenshot={tmp_path / 'report.png'}",
            "--window-size=1000,1600",
            "--dump-dom",
            report.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert not re.findall(r".*CONSOLE.*", shown.stderr)
    assert len(re.findall("<svg", shown.stdout)) == 3
    assert "39,146" in shown.stdout
