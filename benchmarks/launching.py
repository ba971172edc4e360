"""Runs a command and says how long it took and how much memory it had: stdlib alone.

A process of its own, and a small one: the peak that the system tells of a child is at least that
of the process which started it.
"""

import json
import resource
import subprocess
import sys
import time


def main(words: list[str]) -> int:
    """Run the words as a command; a JSON line on stdout tells of it."""
    began = time.perf_counter()
    done = subprocess.run(words, stdout=subprocess.DEVNULL, check=False)
    seconds = time.perf_counter() - began
    # Kibibytes, on Linux.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "code": done.returncode}))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
