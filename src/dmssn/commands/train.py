r"""``dmssn train``: stage 2, the detector.

Examples:
    dmssn train smoke --teacher runs/smoke-teacher --run runs/smoke
    # keys of the recipe overruled; interrupted, it goes on
    dmssn train smoke --teacher runs/smoke-teacher --run runs/smoke \
        --detector.fit.epochs 3 --resume
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
    teacher: Path | None = None,
    init: Path | None = None,
    resume: Annotated[bool, Parameter(negative="")] = False,
    device: str = "auto",
    threads: int | None = None,
    tensorboard: Annotated[bool, Parameter(negative="")] = False,
    options: Annotated[RecipeOptions, Parameter(name="*")] = RecipeOptions(),  # noqa: B008
) -> None:
    """Train the detector: student and transformer together (stage 2).

    Args:
        recipe: TOML recipe, or the name of one that comes with the program; its data.prepared is a
            set made by ``dmssn prepare``.
        run: Folder for the log and the checkpoints; best.safetensors is the detector.
        teacher: Run folder or checkpoint of the teacher; overrides detector.teacher.
        init: Detector to start from (fine-tuning): a run folder, a checkpoint, or the name of one
            that comes with the program.
        resume: Go on with an interrupted run.
        device: auto, cpu, cuda or cuda:N; each of several processes has a GPU of its own.
        threads: CPU threads (of each process).
        tensorboard: Write events for TensorBoard too (extra `tensorboard`), into RUN/tensorboard.
        options: Keys of the recipe that are overruled.
    """
    from dmssn.devices import choose_device
    from dmssn.distributed import first_process
    from dmssn.training.stages import train_detector

    settings = options.read(recipe, ("detector",))
    chosen = choose_device(device, threads)
    train_detector(
        settings,
        run,
        device=chosen,
        resume=resume,
        init=init,
        teacher_path=teacher,
        tensorboard=tensorboard,
    )
    if first_process():
        print(run / "best.safetensors")
