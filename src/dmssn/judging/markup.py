"""Tables and names as Markdown and as HTML; what users named is escaped in both."""

import html
import re
from collections.abc import Iterator

from dmssn.judging.tables import Cell, Table

STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --faint: #5f6670; --paper: #ffffff;
  --line: #d9dce1; --head: #f3f4f6; --best: #e4f1e7; --better: #17692f; --worse: #a3271f;
  --link: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e6ea; --faint: #9aa2ad;
  --paper: #16181b; --line: #363a41; --head: #212429; --best: #1d3a27; --better: #6fcf87;
  --worse: #f28b82; --link: #8ab4f8; } }
body { margin: 2rem auto; max-width: 120rem; padding: 0 1.25rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p, ul { margin: .4rem 0; max-width: 60rem; }
a { color: var(--link); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
  vertical-align: top; white-space: nowrap; }
thead th { background: var(--head); font-weight: 600; }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
thead th:first-child { background: var(--head); }
tbody th { font-weight: 500; }
small { display: block; color: var(--faint); font-size: .74rem; }
td.best { font-weight: 700; background: var(--best); }
td.best small { font-weight: 400; }
.better { color: var(--better); font-weight: 600; }
.worse { color: var(--worse); font-weight: 600; }
figure { margin: .6rem 0; background: #ffffff; border: 1px solid var(--line);
  border-radius: 6px; padding: .4rem; }
figure img { display: block; width: 100%; height: auto; }
"""
"""Of the pages; the figure keeps white paper in the dark, since its lines are drawn for it."""


def markdown_text(text: str) -> str:
    r"""A name or a sentence that shows as it is, in a table too.

    Example:
        >>> print(markdown_text("a|b *c*"))
        a\|b \*c\*
    """
    return re.sub(r"([\\|*_`<>\[\]&~$])", r"\\\1", " ".join(text.split()))


def html_text(text: str) -> str:
    """Likewise in HTML.

    Example:
        >>> html_text("a < 'b'")
        'a &lt; &#x27;b&#x27;'
    """
    return html.escape(text)


def markdown_table(table: Table) -> Iterator[str]:
    """Lines of a table; the best of a column is bold."""
    yield f"| {' | '.join(map(markdown_text, table.heading))} |"
    yield f"|---|{'---:|' * (len(table.heading) - 1)}"
    for row in table.rows:
        yield f"| {' | '.join(map(_markdown_cell, row))} |"


def html_table(table: Table) -> Iterator[str]:
    """Lines of a table; intervals are small, under their number."""
    head = "".join(f'<th scope="col">{html_text(text)}</th>' for text in table.heading)
    yield f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>'
    for name, *cells in table.rows:
        first = f'<th scope="row">{html_text(name.text)}</th>'
        yield f"<tr>{first}{''.join(map(_html_cell, cells))}</tr>"
    yield "</tbody>\n</table></div>"


def _markdown_cell(cell: Cell) -> str:
    text = f"**{markdown_text(cell.text)}**" if cell.best else markdown_text(cell.text)
    interval = markdown_text(cell.interval).replace(" ", "&nbsp;")  # one line, also if narrow
    return " ".join(part for part in (text, interval, cell.verdict) if part)


def _html_cell(cell: Cell) -> str:
    kind = ' class="best"' if cell.best else ""
    interval = f"<small>{html_text(cell.interval)}</small>" if cell.interval else ""
    verdict = f'<small class="{cell.verdict}">{cell.verdict}</small>' if cell.verdict else ""
    return f"<td{kind}>{html_text(cell.text)}{interval}{verdict}</td>"
