"""What commands that work on many cubes say in the end."""

import json
import sys
from collections.abc import Callable
from typing import Any


def report(
    command: str,
    results: list[dict[str, Any]],
    line: Callable[[dict[str, Any]], str],
    *,
    as_json: bool,
) -> int:
    """Tell the results: a line or JSON on stdout; notes and what failed on stderr.

    Args:
        command: Its name.
        results: One table a cube, with ``notes``, or with ``error`` and ``exit_code``.
        line: What to say of a cube that went well.
        as_json: Whether to print all tables as JSON.

    Returns:
        The exit code: 0 when no cube failed.
    """
    failed = [result for result in results if "error" in result]
    if as_json:
        print(json.dumps(results, indent=1))
    else:
        for result in results:
            if "error" not in result:
                print(line(result))
                for note in result["notes"]:
                    print(f"{result['name']}: {note}", file=sys.stderr)
    for result in failed:
        print(f"dmssn {command}: {result['error']}", file=sys.stderr)
    if failed and len(results) > 1:
        print(f"dmssn {command}: {len(failed)} of {len(results)} cubes failed", file=sys.stderr)
    return max((result["exit_code"] for result in failed), default=0)
