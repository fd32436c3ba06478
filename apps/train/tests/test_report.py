"""The report: one file with curves, that refers to nothing outside itself."""

import dataclasses
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from spin_train.report.findings import findings_sections
from spin_train.report.line_chart import Line, line_chart, linear_axis, logarithmic_axis


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
        lines = [p for p in chart.iter("path") if p.get("class") == "line line-0"]
        assert any("L" in line.get("d") for line in lines)
    for text in ("81.25%", "39,146", "evaluated on digits/canonical", "per_device_batch_size"):
        assert text in page


def test_it_needs_nothing_else(page):
    outside = re.search(
        r"https?:|src=(?!\"data:image/png;base64,)|href=|url\(|@import|<script", page
    )
    assert not outside, outside
    assert "<link" not in page
    assert "prefers-color-scheme: dark" in page
    assert "a<b>" not in page
    assert "a&lt;b&gt;&amp;c" in page


def test_it_shows_what_was_found_out(page):
    assert "Of 27 examples of &#x27;test&#x27;, 3 are mistaken." in page
    assert 'title="a&lt;b&gt; taken for b: 1"' in page
    assert "Their numbers in the split: 5, 17." in page
    for text in ("1.00e-02", "5.00e-02", "1.25e-01", "Accuracy between 80.00% and 90.00%"):
        assert text in page
    assert "Not measured: block 3: no &lt;transform&gt;." in page
    assert page.count("<img") == 2


def test_names_may_hold_what_is_mathematics_elsewhere(findings):
    names = (r"US$ \x", "A$", "c")
    assert "<img" in findings_sections(dataclasses.replace(findings, names=names))


def test_it_tells_where_the_time_went(page):
    rows = re.findall(r"<tr><td>([^<]*)</td><td>([\d.]*)</td><td>([\d.%]*)</td></tr>", page)
    assert ("steps", "12.0", "60.00%") in rows
    assert ("together", "20.0", "") in rows


def test_many_classes_are_a_list_of_confusions(findings):
    matrix = 10 * np.eye(40, dtype=int)
    matrix[3, 7] = 4
    found = dataclasses.replace(findings, names=tuple(map(str, range(40))), confusion=matrix)
    page = findings_sections(found)
    assert "<td>3</td><td>7</td><td>4</td>" in page
    assert "true / predicted" not in page


def test_marks_stand_where_their_values_are():
    chart = ElementTree.fromstring(
        line_chart("T", [Line("l", [(0, 0.0), (10, 1.0)], has_dots=True)], x_label="x", y_label="y")
    )
    marks = {mark[0].text: mark for mark in chart.iter("circle") if len(mark)}
    ticks = {text.text: text for text in chart.iter("text") if text.get("text-anchor") == "end"}
    assert float(marks["l, 10: 1"].get("cy")) == pytest.approx(float(ticks["1"].get("y")) - 4)
    assert float(marks["l, 0: 0"].get("cy")) == pytest.approx(float(ticks["0"].get("y")) - 4)
    assert float(marks["l, 0: 0"].get("cx")) < float(marks["l, 10: 1"].get("cx"))


def test_a_chart_of_nothing_and_of_one_point():
    assert line_chart("T", [Line("l", [])], x_label="x", y_label="y") == ""
    assert line_chart("T", [Line("l", [(1, float("nan"))])], x_label="x", y_label="y") == ""
    single = line_chart("T", [Line("l", [(5, 0.5)])], x_label="x", y_label="y")
    assert "<circle" in single
    assert "nan" not in single


def test_ticks():
    assert linear_axis(0.03, 0.97, 0, 1).ticks == pytest.approx((0, 0.2, 0.4, 0.6, 0.8, 1.0))
    assert linear_axis(0, 22500, 0, 1, snap=False).ticks == (0, 5000, 10000, 15000, 20000)
    axis = logarithmic_axis(0.03, 2.0, 100, 0)
    assert axis.ticks == pytest.approx((0.02, 0.05, 0.1, 0.2, 0.5, 1, 2))
    assert axis(0.02) == pytest.approx(100)
    assert axis(0.2) == pytest.approx(50)


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, 1e-12])
def test_an_axis_of_one_value(value):
    axis = linear_axis(value, value, 0, 1)
    assert axis.low < value < axis.high or axis.low <= value <= axis.high
    assert len(axis.ticks) >= 2
