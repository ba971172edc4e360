"""A command of this program on several processes: torchrun starts them, and we wait."""

import re
import subprocess
import sys
from collections.abc import Sequence

from dmssn.config import SettingError

NOISE = re.compile(r"[EWI]\d{4} [\d:.]+ .*torch/distributed")
"""What torchrun says of itself; after its first error everything is such."""
EXIT_CODE = re.compile(r"exitcode\s*: (-?\d+)")


def launch(processes: int, words: Sequence[str]) -> None:
    """Run ``dmssn WORDS`` on so many processes of this machine; what they say goes to stderr.

    Whatever ends us ends them too, as a scheduler would: they stop where they can be resumed.

    Args:
        processes: At least 1.
        words: A command and its options.

    Raises:
        SettingError: It refused its options.
        ChildProcessError: It failed; the message is its own.
    """
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={processes}", "-m", "dmssn", *words]
    name = f"dmssn {words[0]}: "
    said: list[str] = []
    code = 0
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as child:
        assert child.stderr is not None  # it was asked for
        try:
            quiet = False
            for line in child.stderr:
                if found := EXIT_CODE.search(line):
                    code = code or int(found[1])
                noise = NOISE.match(line)
                quiet = quiet or (noise is not None and line.startswith("E"))
                if line.startswith(name):
                    said.append(line.removeprefix(name).strip())
                elif not (quiet or noise):
                    print(line, end="", file=sys.stderr, flush=True)
            child.wait()
        except BaseException:
            child.terminate()
            child.communicate()  # what it still says would else keep it waiting
            raise
    if child.returncode == 0:
        return
    why = _cause(said) or f"ended with exit code {code or child.returncode}"
    if code == 2:
        raise SettingError(f"{words[0]}: {why}")
    raise ChildProcessError(f"{words[0]}: {why}")


def _cause(said: Sequence[str]) -> str:
    """The last message of a process that failed by itself, and not because another one did."""
    own = [line for line in said if "another process of the job" not in line]
    return next(reversed(own or list(said)), "")
