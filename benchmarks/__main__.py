"""The command ``python -m benchmarks``."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

app = App(name="benchmarks", help_flags=["--help", "-h"])
Flag = Parameter(negative="")


@app.default
def main(
    *,
    only: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    json: Path | None = None,
    repeats: int | None = None,
    quick: Annotated[bool, Flag] = False,
    data: Path | None = None,
    earlier: Annotated[Path | None, Parameter(name="--from")] = None,
    report: Path | None = None,
    list_: Annotated[bool, Parameter(name="--list", negative="")] = False,
) -> int:
    """Time every stage of dmssn beside a plain implementation of it.

    Both sides run in one process in turns, and what they computed is compared. The table goes to
    stdout.

    Args:
        only: Names of cases or rows, several by commas; all by default.
        json: File for all that was measured.
        repeats: Timed runs of each side, where a side does not have fewer; each case has its own
            number by default.
        quick: Small sizes: that it runs, not how fast.
        data: Folder of real cubes, for the quality of the fast mixture.
        earlier: Results of an earlier run to start from. Only the cases named with --only run
            again, none without it.
        report: Folder to write performance.md and its plots to.
        list_: Say which cases and rows there are.

    Returns:
        0; 1 when a case failed, or its sides computed different things.
    """
    if repeats is not None and repeats < 1:
        raise ValueError(f"--repeats must be at least 1, got {repeats}")
    from benchmarks import results as measured
    from benchmarks import running, table

    names = [name for text in only for name in text.split(",") if name]
    cases = running.chosen(names)
    if list_:
        table.show_cases(cases)
        return 0
    results = measured.new(quick=quick) if earlier is None else measured.load(earlier)
    if results["quick"] != quick:
        raise ValueError(f"{earlier}: --quick and whole sizes do not go into one table")

    def save(found: running.Measured) -> None:
        measured.add(results, found)
        if json is not None:
            measured.save(results, json)

    if earlier is None or names:
        running.run_cases(cases, quick=quick, repeats=repeats, data=data, save=save)
    table.show(results)
    if report is not None:
        from benchmarks.report import write

        print(f"report: {write(results, report)}", file=sys.stderr)
    wrong = measured.failures(results)
    for failure in wrong:
        print(f"benchmarks: {failure}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(app())
    except (ValueError, OSError) as mistake:
        sys.exit(f"benchmarks: {mistake}")
