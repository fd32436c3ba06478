"""HTML tables."""

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

TABLE_STYLE = """
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem 1.6rem .3rem 0; border-bottom: 1px solid var(--rule); }
th { font-weight: 600; color: var(--muted); }
.matrix { --heat: #0072b2; } .matrix th, .matrix td { padding: .3rem .55rem; text-align: right; }
.matrix td { position: relative; border: 1px solid var(--rule); min-width: 1.6rem; }
.matrix td i { position: absolute; inset: 0; background: var(--heat); }
.matrix td b { position: relative; font-weight: 400; }
.matrix td.wrong { --heat: #d55e00; }
"""


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns an HTML table, which scrolls sideways if it is wider than the page."""
    cells = "\n".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    heads = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    return f'<div class="wide"><table>\n<tr>{heads}</tr>\n{cells}\n</table></div>'


def confusion_table(matrix: np.ndarray, names: Sequence[str]) -> str:
    """Returns a confusion matrix as a table, in which each count is shaded by its share of the row.

    Args:
      matrix: counts, (true class, predicted class).
      names: names of the classes.
    """
    totals = np.maximum(1, matrix.sum(axis=1))
    rows = []
    for i, name in enumerate(names):
        cells = []
        for j, count in enumerate(matrix[i]):
            # Most of a row is correct, so mistakes are shaded on a separate scale.
            share = count / totals[i] if i == j else min(1.0, 10 * count / totals[i])
            shade = f'<i style="opacity:{0.85 * share:.3f}"></i>' if count else ""
            kind = "" if i == j else ' class="wrong"'
            title = f"{escape(name)} predicted as {escape(names[j])}: {count}"
            cells.append(f'<td{kind} title="{title}">{shade}<b>{count or ""}</b></td>')
        rows.append(f"<tr><th>{escape(name)}</th>{''.join(cells)}</tr>")
    heads = "".join(f"<th>{escape(name)}</th>" for name in names)
    return (
        '<div class="wide"><table class="matrix">\n'
        f"<tr><th>true / predicted</th>{heads}</tr>\n" + "\n".join(rows) + "\n</table></div>"
    )


def percent(share: float) -> str:
    """Returns a share as a percentage with two decimals."""
    return f"{100 * share:.2f}%"
