"""The command line: quick help, one line a mistake, exit codes 0, 1 and 2."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from importlib import import_module
from inspect import getdoc
from pathlib import Path

import pytest

import dmssn
from dmssn import cli
from dmssn.cli import COMMANDS, GROUPS, main

HEAVY = {"torch", "numpy", "scipy", "skimage", "sklearn", "h5py", "PIL", "safetensors", "rich"}


def run(capsys, *tokens: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(tokens)
    shown = capsys.readouterr()
    return ended.value.code, shown.out, shown.err


def loaded_by(*tokens: str) -> tuple[set[str], str]:
    """The top-level modules a command loads in a fresh process, and what it prints."""
    program = (
        "import sys; from dmssn.cli import main\n"
        f"try: main({list(tokens)!r})\n"
        "except SystemExit as ended: assert ended.code == 0, ended.code\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), sep=',', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stderr.strip().splitlines()[-1].split(",")), done.stdout


def test_help_names_every_command_and_loads_no_numbers():
    modules, said = loaded_by("--help")
    assert not modules & {"torch", "numpy", "scipy", "skimage", "sklearn", "h5py", "PIL"}
    for command, summary in (*COMMANDS.items(), *GROUPS.items()):
        if " " not in command:  # those of a group are on the group's page
            assert command in said
            assert summary[:30] in said


def test_help_of_a_group_names_its_commands(capsys):
    for group in GROUPS:
        _, said, _ = run(capsys, group, "--help")
        for command, summary in COMMANDS.items():
            if command.startswith(f"{group} "):
                assert command.split()[1] in said
                assert summary[:30] in said


def test_the_version_loads_no_numbers():
    modules, said = loaded_by("--version")
    assert not modules & HEAVY - {"rich"}
    assert said.strip() == dmssn.__version__


def test_help_of_a_command_loads_no_torch():
    modules, said = loaded_by("train", "--help")
    assert "torch" not in modules
    assert "--teacher" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_tells_all_that_its_docstring_tells(command, capsys):
    code, out, err = run(capsys, *command.split(), "--help")
    assert (code, err) == (0, "")
    assert "Usage: dmssn " + command in out
    function = import_module(f"dmssn.commands.{re.sub('[- ]', '_', command)}").main
    told = re.split(r"\n(?:Args|Returns):", str(getdoc(function)))[0].replace("`", "")
    assert " ".join(told.split()) in " ".join(out.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_ends_in_examples_that_are_understood(command, capsys):
    _, out, _ = run(capsys, *command.split(), "--help")
    shown = re.sub(r"\\\s*\n", " ", out.partition("Examples:")[2])
    lines = [line for line in shown.splitlines() if re.match(r"\s*[^\s#]", line)]
    assert lines
    for line in lines:
        example = re.search(r"\bdmssn ([^<>|()]*)", line)
        assert example, line
        words = shlex.split(example[1])
        assert " ".join(words).startswith(command), line
        cli.app.parse_args(words, exit_on_error=False, print_error=False)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_the_script_for_a_shell_knows_commands_and_options(shell, capsys):
    code, out, err = run(capsys, "completion", shell)
    assert (code, err) == (0, "")
    for word in (*COMMANDS, "threshold"):
        assert word.split()[-1] in out


def test_bash_takes_the_script_and_completes_with_it(capsys):
    if shutil.which("bash") is None:
        pytest.skip("there is no bash here")
    _, script, _ = run(capsys, "completion", "bash")
    asked = "COMP_WORDS=(dmssn predict --thres); COMP_CWORD=2; _dmssn; echo ${COMPREPLY[@]}"
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{asked}"], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("--threshold", "")


def test_python_m_dmssn_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "dmssn", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, dmssn.__version__)


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (["trian"], "trian"),
        (["train"], "RECIPE"),
        (["train", "r.toml"], "--run"),
        (["train", "r.toml", "--run", "x", "--depth", "3"], "--depth"),
        (["prepare", "r.toml", "--workers", "many"], "--workers"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(capsys, tokens, said):
    code, out, err = run(capsys, *tokens)
    assert (code, out) == (2, "")
    assert err.startswith("dmssn")
    assert err.count("\n") == 1
    assert said.lower() in err.lower()


def test_a_misspelled_key_of_a_recipe_is_code_2_with_a_suggestion(capsys, tmp_path):
    recipe = tmp_path / "r.toml"
    recipe.write_text('[data]\nscenes = "a"\nprepared = "b"\n[detector.fit]\nepoch = 3\n')
    for tokens in (["prepare"], ["train", "--run", "x"], ["train-teacher", "--run", "x"]):
        code, out, err = run(capsys, tokens[0], str(recipe), *tokens[1:])
        assert (code, out) == (2, "")
        assert err == (
            f"dmssn {tokens[0]}: {recipe}: unknown key 'detector.fit.epoch'; "
            "did you mean 'epochs'?\n"
        )


def test_a_failure_is_one_line_and_code_1(capsys, tmp_path):
    recipe = tmp_path / "r.toml"
    recipe.write_text(f'[data]\nscenes = "{tmp_path}/none"\nprepared = "{tmp_path}/out"\n')
    code, out, err = run(capsys, "prepare", str(recipe))
    assert (code, out) == (1, "")
    assert err == (
        f"dmssn prepare: {tmp_path}/none: no such folder; give the one that holds a folder of "
        "scenes\n"
    )


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta", "mps"])
def test_a_device_that_is_not_there_is_code_2(capsys, tmp_path, device):
    recipe = tmp_path / "r.toml"
    recipe.write_text('[data]\nscenes = "a"\nprepared = "b"\n')
    code, _, err = run(capsys, "train", str(recipe), "--run", "x", "--device", device)
    assert code == 2
    assert device in err
    assert err.count("\n") == 1


def fails_with(monkeypatch, error: BaseException) -> None:
    def raising(arguments):
        raise error

    monkeypatch.setattr(cli, "_run", raising)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ValueError("two\n  lines"), 1, "dmssn train: two lines"),
        (FloatingPointError("nan"), 1, "dmssn train: nan"),
        (MemoryError(), 1, "dmssn train: MemoryError"),
        (ModuleNotFoundError("No module named 'x'"), 1, "dmssn train: No module named 'x'"),
        (PermissionError(13, "Permission denied", "a"), 1, "dmssn train: [Errno 13]"),
        (cli.SettingError("size"), 2, "dmssn train: size"),
        (RuntimeError("CUDA out of memory.\nTried"), 1, "dmssn train: CUDA out of memory. Tried"),
        (KeyboardInterrupt(), 130, "dmssn train: interrupted"),
    ],
)
def test_what_a_command_raises_is_one_line_with_its_name(capsys, monkeypatch, error, code, said):
    fails_with(monkeypatch, error)
    found, out, err = run(capsys, "train", "r.toml")
    assert (found, out) == (code, "")
    assert err.startswith(said)
    assert err.count("\n") == 1


def test_an_interrupted_command_says_so(capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("dmssn.evaluation.evaluate", interrupt)
    assert run(capsys, "evaluate", "--maps", "a", "--masks", "b") == (
        130, "", "dmssn evaluate: interrupted\n",
    )  # fmt: skip


def test_a_name_that_the_output_cannot_spell_is_printed_all_the_same():
    program = (
        "from dmssn import cli\n"
        "cli._run = lambda arguments: print('caf\\xe9', '\\udcff')\n"
        "cli.main(['info'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False,
        env=os.environ | {"PYTHONIOENCODING": "ascii:strict"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.strip() == rb"caf\xe9 \udcff"


def test_a_mistake_of_ours_is_not_hidden(monkeypatch):
    for bug in (KeyError("bug"), RuntimeError("mat1 and mat2 shapes cannot be multiplied")):
        fails_with(monkeypatch, bug)
        with pytest.raises(type(bug)):
            main(["train"])


def test_a_traceback_can_be_asked_for(monkeypatch):
    monkeypatch.setenv("DMSSN_TRACEBACK", "1")
    fails_with(monkeypatch, ValueError("why"))
    with pytest.raises(ValueError, match="why"):
        main(["train"])


def test_a_reader_that_leaves_ends_the_command_quietly(tmp_path):
    program = (
        "import sys; from dmssn import cli\n"
        "def shouting(*a, **k):\n"
        "    while True: print('x' * 10000, flush=True)\n"
        "cli._run = shouting; cli.main(['info'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


@pytest.mark.parametrize(("result", "code"), [(None, 0), (0, 0), (3, 3)])
def test_a_commands_number_is_the_exit_code(capsys, monkeypatch, result, code):
    monkeypatch.setattr(cli, "_run", lambda arguments: result)
    assert run(capsys, "info")[0] == code


SLOW = """
import sys
from pathlib import Path
from time import sleep
from dmssn import cli
from dmssn.files import replacing

def slow(arguments):
    with replacing(Path(sys.argv[1])) as partial:
        partial.write_text("half")
        Path(sys.argv[1] + ".begun").touch()
        sleep(600)

cli._run = slow
cli.main(["info"])
"""


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_command_that_is_ended_tidies_up(tmp_path, sent, code):
    (tmp_path / "slow.py").write_text(SLOW)
    out = tmp_path / "out" / "a.txt"
    out.parent.mkdir()
    running = subprocess.Popen(
        [sys.executable, str(tmp_path / "slow.py"), str(out)], stderr=subprocess.PIPE, text=True
    )
    while running.poll() is None and not Path(f"{out}.begun").exists():
        time.sleep(0.02)
    running.send_signal(sent)
    said = running.communicate()[1]
    assert running.returncode == code, said
    assert said.count("\n") <= 1
    assert [path.name for path in out.parent.iterdir()] == ["a.txt.begun"]


def test_processes_that_do_not_complain_of_a_mistake_outlast_the_one_that_does(monkeypatch, capsys):
    waited = []
    monkeypatch.setattr("dmssn.cli.time.sleep", waited.append)
    for local, waits, lines in (("0", 0, 1), ("1", 1, 0), ("7", 2, 0)):
        monkeypatch.setenv("LOCAL_RANK", local)
        with pytest.raises(SystemExit) as ended:
            main(["train", "--colour"])
        assert ended.value.code == 2
        assert len(waited) == waits
        assert capsys.readouterr().err.count("\n") == lines
    assert min(waited) >= 1
