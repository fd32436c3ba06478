"""The report as a browser shows it, with Chromium installed."""

import html
import json
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


# What only a browser knows is written into the page, and read from what it dumps.
_PROBE = """
<script>
addEventListener("load", () => {
  const images = [...document.images].map(i => [i.complete && i.naturalWidth > 100, i.alt]);
  const charts = [...document.querySelectorAll("svg")].map(
    svg => [svg.getBoundingClientRect().height > 100 && svg.querySelectorAll("path").length > 1,
            svg.getAttribute("aria-label")]);
  const wide = document.documentElement.scrollWidth > innerWidth;
  const found = JSON.stringify({images, charts, wide});
  const place = document.createElement("pre");
  place.id = "found";
  place.textContent = found;
  document.body.append(place);
});
</script>
</body>"""


def test_every_figure_is_drawn_and_the_console_is_silent(chromium, report, tmp_path):
    probed = tmp_path / "probed.html"
    probed.write_text(report.read_text().replace("</body>", _PROBE))
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    shown = subprocess.run(
        [
            chromium,
            *flags.split(),
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--enable-logging=stderr",
            "--window-size=1000,1600",
            "--dump-dom",
            probed.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert not re.findall(r".*CONSOLE.*", shown.stderr)
    found = json.loads(html.unescape(re.search(r'<pre id="found">(.*?)</pre>', shown.stdout)[1]))
    assert len(found["images"]) == 2
    assert len(found["charts"]) == 5
    assert all(drawn for drawn, _ in found["images"] + found["charts"]), found
    assert not found["wide"]
    assert "39,146" in shown.stdout
