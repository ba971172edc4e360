"""Many cubes by one call: which they are, what two must not both write, how a failure is told."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dmssn.config import SettingError
from dmssn.readers.formats import cubes_in
from dmssn.readers.stored import cube_name


def expand(paths: Sequence[Path]) -> list[Path]:
    """Cubes; a folder of cubes stands for all in it."""
    return [
        cube for path in paths for cube in ((cubes_in(path) if path.is_dir() else []) or [path])
    ]


def refuse_one_output_for_two(cubes: Sequence[Path], outputs: Sequence[Path], do: str) -> None:
    """Refuse to write one file for two cubes.

    Args:
        cubes: The cubes.
        outputs: The file each would write.
        do: What is done to cubes, for the way out.

    Raises:
        SettingError: Two would write the same.
    """
    first: dict[Path, Path] = {}
    for cube, output in zip(cubes, outputs, strict=True):
        if output in first:
            raise SettingError(
                f"{first[output]} and {cube} would both write {output.name}; {do} them into "
                "different folders"
            )
        first[output] = cube


def failure(path: Path, error: BaseException) -> dict[str, Any]:
    """What there is to say of a cube that went wrong.

    Returns:
        ``cube`` and ``name``; ``error``, one line that names the cube; and ``exit_code``, 2 for an
        option that does not fit it and else 1.
    """
    said = " ".join(str(error).split()) or type(error).__name__
    # The path, something in it, or the raw file beside a header may be named already.
    if str(path) not in said and not said.startswith(f"{path.parent / path.stem}."):
        said = f"{path}: {said.removeprefix(f'{cube_name(path)}: ')}"
    return {
        "cube": str(path),
        "name": cube_name(path),
        "error": said,
        "exit_code": 2 if isinstance(error, SettingError) else 1,
    }
