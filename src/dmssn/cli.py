"""The command line: a table from command to function, and errors that are one line.

Exit codes: 0 ok, 1 failure, 2 usage. A command's module imports torch and the like only inside
its function, so that ``dmssn --help`` answers at once.
"""

import inspect
import io
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from cyclopts import App, CycloptsError

from dmssn import __version__
from dmssn.config import SettingError
from dmssn.memory import keep_freed_memory

COMMANDS = {
    "predict": "Write a saliency map and an overlay for each cube.",
    "view": "Look at cubes, spectra and saliency maps in the browser.",
    "info": "Say what is in a cube's file and how it is understood.",
    "convert": "Write cubes in another format, or in another form of their own.",
    "evaluate": "Score saliency maps against masks.",
    "benchmark": "Compare detectors, and maps of other programs, on the same scenes.",
    "scenes": "Generate scenes with exact masks to train on.",
    "dataset list": "Say which data sets are known, and what of them.",
    "dataset check": "See whether a copy of a data set is whole and as its authors promise.",
    "dataset fake": "Write a made-up data set in the layout of a published one.",
    "prepare": "Homogenize the scenes of a data set for training.",
    "train-teacher": "Train the teacher autoencoder (stage 1).",
    "train": "Train the detector: student and transformer together (stage 2).",
    "runs": "Tabulate training runs: how far they are, and how good.",
    "reproduce": "Go from scenes to scores beside the published ones, in one command.",
    "ablate": "Train variants of a recipe with several seeds, and compare their scores.",
    "export": "Write a trained detector as an ONNX file, or as a folder with its model card.",
    "import-weights": "Turn published weights of DMSSN into a checkpoint.",
    "doctor": "Say what is installed here, and whether it works.",
    "completion": "Print a script that completes commands and options in a shell.",
}
"""Command to its summary; the command is the function ``main`` of its module, whose docstring has
examples."""
SILENCE_SECONDS = 3
"""How long processes that do not complain of a mistake wait for the one that does."""
GROUPS = {"dataset": "Look after data sets: list, check, fake."}
"""First words that several commands share."""


def _module(command: str) -> str:
    return "dmssn.commands." + command.replace("-", "_").replace(" ", "_")


app = App(
    name="dmssn",
    version=__version__,
    help="Find what stands out in a hyperspectral image.",
    help_flags=["--help", "-h"],
    suppress_keyboard_interrupt=False,  # or Ctrl-C would end a command without a word
)
for _group, _summary in GROUPS.items():
    app.command(App(name=_group, help=_summary))
for _command, _summary in COMMANDS.items():
    *_groups, _name = _command.split()
    _parent = app[_groups[0]] if _groups else app
    _parent.command(f"{_module(_command)}:main", name=_name, help=_summary)


def main(tokens: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code; a mistake ends with one line, not a traceback."""
    arguments = list(sys.argv[1:] if tokens is None else tokens)
    name = " ".join(["dmssn", *_command_in(arguments)])
    keep_freed_memory()
    with suppress(ValueError):  # not in the main thread: then it is not ours to decide
        signal.signal(signal.SIGTERM, _end)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # A name of a file that the output cannot spell is no reason to fail after the work.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _run(arguments)
    except (CycloptsError, SettingError) as error:
        # The processes of a machine were all told the same: one complains. The others end after it,
        # since a launcher kills all as soon as one has ended.
        if int(os.environ.get("LOCAL_RANK", 0)) == 0:
            sys.exit(_say(name, error, 2))
        time.sleep(SILENCE_SECONDS)
        sys.exit(2)
    except BrokenPipeError:  # the reader of our output left: nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (ValueError, OSError, FloatingPointError, MemoryError, ModuleNotFoundError) as error:
        sys.exit(_say(name, error, 1))
    except RuntimeError as error:
        from dmssn.devices import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        sys.exit(_say(name, error, 1))
    except KeyboardInterrupt:
        sys.exit(_say(name, "interrupted", 130) if _rank() == 0 else 130)
    sys.exit(code if isinstance(code, int) else 0)


def _end(*_: object) -> None:
    """Ended by a scheduler: as by Ctrl-C, so that nothing half written is left."""
    raise SystemExit(128 + signal.SIGTERM)


def _rank() -> int:
    """Number of this process among those that torchrun started; 0 without it."""
    return int(os.environ.get("RANK", 0))


def _command_in(arguments: list[str]) -> list[str]:
    """The words at the beginning that are a command, if they are one."""
    starts = (arguments[:words] for words in (2, 1))
    return next((start for start in starts if " ".join(start) in COMMANDS), [])


def examples(command: str) -> str:
    """The lines under ``Examples:`` in the docstring of a command's module."""
    told = inspect.getdoc(import_module(_module(command))) or ""  # none of python -OO
    return inspect.cleandoc("\n" + told.partition("Examples:\n")[2])


def _run(arguments: list[str]) -> Any:  # noqa: ANN401
    if words := _command_in(arguments):
        command = app
        for word in words:
            command = command[word]
        command.help = None  # on a command's own page its docstring tells more
        command.help_epilogue = f"Examples:\n\n```\n{examples(' '.join(words))}\n```"
    return app(arguments, exit_on_error=False, print_error=False, result_action="return_value")


def _say(name: str, error: BaseException | str, code: int) -> int:
    if os.environ.get("DMSSN_TRACEBACK") and isinstance(error, BaseException):
        raise error
    text = " ".join(str(error).split()) or type(error).__name__
    if _rank():
        name += f": process {_rank()}"
    print(f"{name}: {text}", file=sys.stderr)
    return code


__all__ = ["COMMANDS", "app", "examples", "main"]
