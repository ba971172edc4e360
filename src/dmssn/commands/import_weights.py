r"""``dmssn import-weights``: the published networks' weights as a checkpoint.

Examples:
    dmssn import-weights published.pth -o dmssn-200.safetensors \
        --wavelengths 401.5:998.5
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dmssn.config import PrepareConfig, SettingError
from dmssn.recipes import to_table

SHORTEST_NM = 100.0
"""No imager sees below it: smaller numbers are micrometres."""


def main(
    file: Path,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    size: int = 512,
    wavelengths: str | None = None,
) -> None:
    """Turn published weights of DMSSN into a checkpoint of this program.

    The file is a state dict of the published detector or teacher, saved by torch or as
    safetensors, with or without the ``module.`` of a run on several GPUs. Published weights do
    not carry the statistics of their training scenes: cubes are standardized by their own.

    Args:
        file: The published weights.
        output: Checkpoint to write, for --detector of `dmssn predict` or `teacher` of a recipe.
        size: Side of the square the weights were trained at, in pixels.
        wavelengths: START:STOP in nm of the bands they were trained on, evenly spaced; without
            it cubes are matched along their band order.
    """
    import torch

    from dmssn import __version__
    from dmssn.checkpoint import Header, read_state_dict, save
    from dmssn.models.published import from_published

    if output.resolve() == file.resolve():
        raise SettingError(f"--output {output} is the file to import; choose another name")
    config = PrepareConfig(size=size)
    ends = None if wavelengths is None else _ends(wavelengths)
    state = read_state_dict(file)
    try:
        kind, bands, tensors = from_published(state)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    nm = None if ends is None else torch.linspace(*ends, bands, dtype=torch.float64).tolist()
    header = Header(
        stage="detector" if kind == "network" else "teacher",
        bands=bands,
        wavelengths_nm=nm,
        prepare=to_table(config),
        provenance={"version": __version__, "imported": file.name},
    )
    save(output, header, tensors)
    print(f"{output}: the published {kind}, {bands} bands")


def _ends(text: str) -> tuple[float, float]:
    """First and last wavelength of ``START:STOP``, in nm."""
    try:
        first, last = map(float, text.split(":"))
    except ValueError:
        first = last = 0.0
    if not SHORTEST_NM <= first < last < float("inf"):
        raise SettingError(f"--wavelengths takes START:STOP in nm, such as 400:1000, got {text!r}")
    return first, last
