"""How the C library treats freed memory, and how much memory a process has used.

Freed memory is kept for the next tensor, not returned page by page.

A tensor of some megabytes is by default mapped from the system when it is made and unmapped when
it is freed, so every page of every intermediate result is cleared and mapped anew. Networks
make and free the same sizes all the time; with the memory kept they run about twice as fast.
"""

import ctypes
import os
import re
import sys
from contextlib import suppress
from pathlib import Path

# <malloc.h> of the GNU C library.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
SETTINGS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_MAX_")
"""Environment variables by which a user has set the same; theirs stand."""


def keep_freed_memory() -> bool:
    """Keep freed memory in the process from now on; results are the same.

    The process holds on to the most it has used at a time. Its commands and workers call this
    themselves; a program that uses the package as a library may, once, at its start.

    Returns:
        Whether it was done: only the GNU C library is known to need it, and a user's
        ``MALLOC_...`` environment variables are left to rule.
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in SETTINGS):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return False
    # Never a mapping of its own for one block, and never a page given back at the heap's end.
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, -1))


def return_freed_memory() -> None:
    """Return what is freed to the system, where the C library can.

    Between pieces of work of many sizes: kept, what they free is cut up more and more, and grows.
    """
    if sys.platform.startswith("linux"):
        with suppress(AttributeError, OSError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


def peak_memory() -> int | None:
    """Most memory this process has held at a time, in bytes; None where the system does not tell.

    The program itself and the libraries it has loaded count too.
    """
    try:
        told = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:  # not Linux
        return _peak_told_by_unix()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", told, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _peak_told_by_unix() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024  # bytes there, kilobytes elsewhere
