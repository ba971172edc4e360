"""Lists of numbers in text files: wavelengths, or one reference spectrum."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read_numbers(path: Path) -> NDArray[np.float64]:
    """Read one column or one line of numbers, parted by commas, semicolons or white space.

    Lines that start with ``#`` are skipped, and so is a first line without any number (a heading).

    Returns:
        The numbers, shape (n,).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not such a text.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected a text file of numbers, this is binary") from None
    lines = [line.strip() for line in text.splitlines()]
    rows = [re.split(r"[,;\s]+", line.strip(",; \t")) for line in lines if line and line[0] != "#"]
    if rows and not any(map(_is_number, rows[0])):
        rows = rows[1:]
    if not rows:
        raise ValueError(f"{path}: expected numbers, found none")
    if len(rows) > 1 and max(map(len, rows)) > 1:
        raise ValueError(
            f"{path}: expected one column or one line of numbers, found {len(rows)} lines of up "
            f"to {max(map(len, rows))}; keep the column that is meant"
        )
    words = [word for row in rows for word in row]
    wrong = next((word for word in words if not _is_number(word)), None)
    if wrong is not None:
        raise ValueError(f"{path}: expected numbers, found {wrong!r}")
    return np.array(words, dtype=np.float64)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
