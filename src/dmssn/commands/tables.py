"""Tables on the terminal, or for a file or a program."""

from collections.abc import Collection, Sequence

GAP = 2
"""Between two columns, in characters."""
UNBOUNDED = 10_000
"""Width of a table that goes to a file or a program, in characters: no line is ever folded."""


def print_table(rows: Sequence[Sequence[str]], words: Collection[str] = ()) -> None:
    """Print all columns in one table, or in as many as the terminal is too narrow for.

    Args:
        rows: The headings, then the cells of each row. The first column stands in every table.
        words: Headings of columns of words, besides the first; numbers are set to the right.
    """
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = UNBOUNDED
    columns = list(zip(*rows, strict=True))
    widths = [max(map(cell_len, column)) + GAP for column in columns]
    todo = list(range(1, len(columns)))
    while todo:
        shown, room = [0, todo.pop(0)], console.width - widths[0]
        while todo and sum(widths[place] for place in [*shown[1:], todo[0]]) <= room:
            shown.append(todo.pop(0))
        table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False)
        for place in shown:
            left = place == 0 or rows[0][place] in words
            table.add_column(rows[0][place], justify="left" if left else "right", no_wrap=True)
        for row in rows[1:]:
            table.add_row(*(Text(row[place]) for place in shown))
        console.print(table)
        if todo:
            console.print()
