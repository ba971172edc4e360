"""dmssn train recipes/smoke.toml --teacher runs/smoke-teacher --run runs/smoke.

On a GPU the same line; nothing in the recipe changes.
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def main(
    recipe: Path,
    *,
    run: Annotated[Path, Parameter(name="--run")],
    teacher: Path | None = None,
    init: Path | None = None,
    resume: Annotated[bool, Parameter(negative="")] = False,
    device: str = "auto",
    threads: int | None = None,
) -> None:
    """Train the detector: student and transformer together (stage 2).

    Args:
        recipe: TOML recipe; its data.prepared is a set made by ``dmssn prepare``.
        run: Folder for the log and the checkpoints; best.safetensors is the detector.
        teacher: Run folder or checkpoint of the teacher; overrides detector.teacher.
        init: Detector to start from (fine-tuning): a run folder, a checkpoint, or the name of one
            that comes with the program.
        resume: Go on with an interrupted run.
        device: auto, cpu, cuda or cuda:N.
        threads: CPU threads.
    """
    from dmssn.config import Recipe
    from dmssn.devices import choose_device
    from dmssn.recipes import read_recipe
    from dmssn.stages import train_detector

    settings = read_recipe(Recipe, recipe)
    chosen = choose_device(device, threads)
    train_detector(settings, run, device=chosen, resume=resume, init=init, teacher_path=teacher)
    print(run / "best.safetensors")
