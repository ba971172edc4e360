"""dmssn train-teacher recipes/smoke.toml --run runs/smoke-teacher.

On a GPU the same line; nothing in the recipe changes.
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def main(
    recipe: Path,
    *,
    run: Annotated[Path, Parameter(name="--run")],
    init: Path | None = None,
    resume: Annotated[bool, Parameter(negative="")] = False,
    device: str = "auto",
    threads: int | None = None,
) -> None:
    """Train the teacher autoencoder (stage 1).

    Args:
        recipe: TOML recipe; its data.prepared is a set made by ``dmssn prepare``.
        run: Folder for the log and the checkpoints; best.safetensors is the teacher.
        init: Teacher checkpoint to start from.
        resume: Go on with an interrupted run.
        device: auto, cpu, cuda or cuda:N.
        threads: CPU threads.
    """
    from dmssn.config import Recipe
    from dmssn.devices import choose_device
    from dmssn.recipes import read_recipe
    from dmssn.stages import train_teacher

    settings = read_recipe(Recipe, recipe)
    chosen = choose_device(device, threads)
    train_teacher(settings, run, device=chosen, resume=resume, init=init)
    print(run / "best.safetensors")
