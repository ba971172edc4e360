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
    """Run the words as a command; a JSON line on stdout tells of it, and what it said there."""
    began = time.perf_counter()
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    seconds = time.perf_counter() - began
    # Kibibytes, on Linux; of the largest process, where the command had others.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    told = {"seconds": seconds, "peak": peak, "code": done.returncode, "said": done.stdout}
    print(json.dumps(told))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
