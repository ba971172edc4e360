"""``dmssn train-teacher``: stage 1, the teacher.

Examples:
    dmssn train-teacher smoke --run runs/smoke-teacher
    dmssn train-teacher smoke --run runs/smoke-teacher --resume
    # on four GPUs: `torchrun --nproc-per-node 4 -m dmssn` in place of `dmssn`
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dmssn.commands.recipe_options import RecipeOptions


def main(
    recipe: str,
    *,
    run: Annotated[Path, Parameter(name=["--run", "-o"])],
    init: Path | None = None,
    resume: Annotated[bool, Parameter(negative="")] = False,
    device: str = "auto",
    threads: int | None = None,
    tensorboard: Annotated[bool, Parameter(negative="")] = False,
    options: Annotated[RecipeOptions, Parameter(name="*")] = RecipeOptions(),  # noqa: B008
) -> None:
    """Train the teacher autoencoder (stage 1).

    Args:
        recipe: TOML recipe, or the name of one that comes with the program; its data.prepared is a
            set made by ``dmssn prepare``.
        run: Folder for the log and the checkpoints; best.safetensors is the teacher.
        init: Teacher checkpoint to start from.
        resume: Go on with an interrupted run.
        device: auto, cpu, cuda or cuda:N; each of several processes has a GPU of its own.
        threads: CPU threads (of each process).
        tensorboard: Write events for TensorBoard too (extra `tensorboard`), into RUN/tensorboard.
        options: Keys of the recipe that are overruled.
    """
    from dmssn.devices import choose_device
    from dmssn.distributed import first_process
    from dmssn.training.stages import train_teacher

    settings = options.read(recipe, ("teacher",))
    chosen = choose_device(device, threads)
    train_teacher(settings, run, device=chosen, resume=resume, init=init, tensorboard=tensorboard)
    if first_process():
        print(run / "best.safetensors")
