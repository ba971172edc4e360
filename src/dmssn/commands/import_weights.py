"""dmssn import-weights published.pth -o dmssn-200.safetensors --wavelengths 401.5:998.5."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


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
        output: Checkpoint to write, for --detector or --teacher.
        size: Side of the square the weights were trained at, in pixels.
        wavelengths: START:STOP in nm of the bands they were trained on, evenly spaced; without
            it cubes are matched along their band order.
    """
    import torch

    from dmssn import __version__
    from dmssn.checkpoint import Header, read_state_dict, save
    from dmssn.config import PrepareConfig, SettingError, to_table
    from dmssn.models.published import from_published

    try:
        kind, bands, tensors = from_published(read_state_dict(file))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    nm = None
    if wavelengths is not None:
        try:
            first, last = map(float, wavelengths.split(":"))
        except ValueError:
            raise SettingError(
                f"--wavelengths takes START:STOP in nm, got {wavelengths!r}"
            ) from None
        nm = torch.linspace(first, last, bands, dtype=torch.float64).tolist()
    header = Header(
        stage="detector" if kind == "network" else "teacher",
        bands=bands,
        wavelengths_nm=nm,
        prepare=to_table(PrepareConfig(size=size)),
        provenance={"version": __version__, "imported": file.name},
    )
    save(output, header, tensors)
    print(f"{output}: the published {kind}, {bands} bands")
