"""The report: one file with curves, that refers to nothing outside itself."""

import dataclasses
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from spin_train.report.figures import draw_feature_maps
from spin_train.report.line_charts import Line, line_chart
from spin_train.report.model_sections import model_sections

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def page(report):
    return report.read_text()


def test_it_has_curves_and_tables(page):
    charts = [ElementTree.fromstring(text) for text in re.findall("<svg.*?</svg>", page, re.DOTALL)]
    assert [chart.get("aria-label") for chart in charts] == [
        "Loss",
        "Accuracy",
        "Learning rate",
        "Accuracy by rotation angle",
        "Equivariance error by layer",
    ]
    for chart in charts:
        lines = [g for g in chart.iter(f"{SVG}g") if "line2d" in (g.get("id") or "")]
        assert any("L" in path.get("d") for line in lines for path in line.iter(f"{SVG}path"))
    for text in ("81.25%", "39,146", "evaluated on digits/canonical", "per_device_batch_size"):
        assert text in page


def test_it_needs_nothing_else(page):
    without_names = re.sub(r' xmlns(:\w+)?="[^"]*"', "", page)
    outside = re.search(
        r"https?:|src=(?!\"data:image/png;base64,)|href=\"(?!#)|url\((?!#)|@import|<script",
        without_names,
    )
    assert not outside, outside
    assert "<link" not in page
    assert "prefers-color-scheme: dark" in page
    assert "a<b>" not in page
    assert "a&lt;b&gt;&amp;c" in page


def test_it_shows_the_analysis(page):
    assert "3 of 27 examples of the split &#x27;test&#x27; are misclassified." in page
    assert 'title="a&lt;b&gt; predicted as b: 1"' in page
    assert "Their indices in the split: 5, 17." in page
    for text in ("1.00e-02", "5.00e-02", "1.25e-01", "Accuracy is between 80.00% and 90.00%"):
        assert text in page
    assert "Not measured: block 3: no &lt;transform&gt;." in page
    assert page.count("<img") == 2


def test_names_may_hold_what_is_mathematics_elsewhere(analysis):
    names = (r"US$ \x", "A$", "c")
    assert "<img" in model_sections(dataclasses.replace(analysis, names=names))


def test_it_tells_where_the_time_went(page):
    rows = re.findall(r"<tr><td>([^<]*)</td><td>([\d.]*)</td><td>([\d.%]*)</td></tr>", page)
    assert ("steps", "12.0", "60.00%") in rows
    assert ("total", "20.0", "") in rows


def test_many_classes_are_a_list_of_confusions(analysis):
    matrix = 10 * np.eye(40, dtype=int)
    matrix[3, 7] = 4
    found = dataclasses.replace(analysis, names=tuple(map(str, range(40))), confusion=matrix)
    page = model_sections(found)
    assert "<td>3</td><td>7</td><td>4</td>" in page
    assert "true / predicted" not in page


def texts(svg):
    return [element.text for element in svg.iter(f"{SVG}text")]


def test_a_chart_labels_its_lines_and_axes():
    lines = [
        Line("training", [(0, 2.0), (100, 0.01)]),
        Line("$x$ <test>", [(100, 0.5)], has_dots=True),
    ]
    text = line_chart("T", lines, x_label="step", y_label="loss", logarithmic=True)
    chart = ElementTree.fromstring(text)
    assert {"T", "step", "loss", "training", "$x$ <test>"} <= set(texts(chart))
    assert chart.get("aria-label") == "T"
    assert "var(--ink)" in text
    assert "#0" not in re.sub(r'(id|href)="[^"]*"', "", text)  # the page's colours alone


def test_charts_of_one_page_share_no_names():
    names = []
    for title in ("Loss", "Accuracy"):
        text = line_chart(title, [Line("l", [(0, 0.0), (1, 1.0)])], x_label="x", y_label="y")
        chart = ElementTree.fromstring(text)
        names.append({e.get("id") for e in chart.iter() if e.get("id")})
        used = set(re.findall(r'(?:href="#|url\(#)([^")]*)', text))
        assert used <= names[-1]
    assert not names[0] & names[1]


def test_a_chart_of_nothing_and_of_one_point():
    assert line_chart("T", [Line("l", [])], x_label="x", y_label="y") == ""
    assert line_chart("T", [Line("l", [(1, float("nan"))])], x_label="x", y_label="y") == ""
    single = line_chart("T", [Line("l", [(5, 0.5)])], x_label="x", y_label="y")
    assert "<use" in single
    assert "nan" not in single


def test_a_constant_line_is_drawn():
    text = line_chart("T", [Line("l", [(0, 0.0), (5, 0.0)])], x_label="x", y_label="y")
    assert "T" in texts(ElementTree.fromstring(text))


def test_complex_maps_of_spin_0_are_drawn_by_their_modulus(analysis):
    (real,) = [shown for shown in analysis.rotations.feature_maps if not shown.spin]
    phase = np.exp(1j)
    turned = dataclasses.replace(real, before=phase * real.before, after=-phase * real.after)
    upright = dataclasses.replace(real, before=real.before + 0j, after=real.after + 0j)
    assert draw_feature_maps([turned]) == draw_feature_maps([upright])
