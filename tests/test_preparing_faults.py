"""Preparing survives what happens to long jobs: kills, damage, full disks, a second run beside it.

Whatever happened, the next run makes the same bytes as an uninterrupted one, and leaves nothing of
the mishap behind.
"""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager, redirect_stderr
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from dmssn import moments, preparing_scenes, preparing_sets
from dmssn.cli import main
from dmssn.config import DataConfig, MixtureConfig, PrepareConfig
from dmssn.files import locked
from dmssn.labour import Labour
from dmssn.preparing_sets import prepare_set
from dmssn.workers import SLOW_IMPORTS
from generated import write_folder

CONFIG = PrepareConfig(size=32, statistics="data set", mixture=MixtureConfig(components=6))


def killed_at(point: str, nth: int, folder: Path, out: Path) -> None:
    """Prepare in this process, which is killed when it comes to a point for the nth time."""
    calls = 0

    def killing(real, counts=lambda *arguments: True):
        def call(*arguments, **named):
            nonlocal calls
            calls += counts(*arguments)
            if calls == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return call

    if point == "statistics":
        moments.of_pixels = killing(moments.of_pixels)
    elif point == "scene":
        preparing_scenes.homogenize = killing(preparing_scenes.homogenize)
    elif point == "between":
        preparing_sets.prepare_scene = killing(preparing_sets.prepare_scene)
    elif point == "renaming":  # written, and not yet under its name
        Path.replace = killing(Path.replace, lambda old, new: new.suffix == ".safetensors")
    elif point == "manifest":
        preparing_sets.write_manifest = killing(preparing_sets.write_manifest)
    prepared(folder, out)


def begun(function: Callable[..., None], *arguments: object) -> BaseProcess:
    """A function in a process of its own, which has imported torch before it begins."""
    server = get_context("forkserver")
    server.set_forkserver_preload(list(SLOW_IMPORTS))
    process = server.Process(target=function, args=arguments)
    process.start()
    return process


def ended(process: BaseProcess) -> int | None:
    process.join()
    return process.exitcode


def command(said: Path, *tokens: str) -> None:
    """``dmssn`` in this process; what it says on stderr goes to a file."""
    with said.open("w") as stderr, redirect_stderr(stderr):
        main(tokens)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("in") / "scenes", height=36, width=40, bands=5)


@pytest.fixture(scope="module")
def wanted(folder, tmp_path_factory):
    """What an uninterrupted run writes."""
    out = tmp_path_factory.mktemp("whole") / "set"
    assert prepared(folder, out).manifest is not None
    return contents(out)


def prepared(folder, out, **labour):
    return prepare_set(DataConfig(scenes=folder, prepared=out), CONFIG, Labour(**labour))


def contents(out: Path) -> dict[str, bytes]:
    """Every file but the lock, hidden ones too."""
    files = (path for path in out.rglob("*") if path.is_file() and not path.name.endswith(".lock"))
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


def scene_ages(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (out / "scenes").glob("[a-z]*")}


@pytest.mark.parametrize(
    ("point", "nth", "scenes"),
    [
        ("statistics", 3, 0),
        ("scene", 3, 2),
        ("between", 5, 4),
        ("renaming", 2, 1),
        ("manifest", 1, 7),
    ],
)
def test_a_run_that_was_killed_goes_on(folder, wanted, tmp_path, point, nth, scenes):
    out = tmp_path / "set"
    assert ended(begun(killed_at, point, nth, folder, out)) == -signal.SIGKILL
    before = scene_ages(out) if scenes else {}
    assert len(before) == scenes
    assert not (out / "manifest.json").exists()
    hidden = [path for path in out.rglob(".*") if not path.name.endswith(".lock")]
    assert bool(hidden) == (point == "renaming")
    report = prepared(folder, out)
    assert (report.kept, report.made) == (scenes, 7 - scenes)
    assert before.items() <= scene_ages(out).items()
    assert contents(out) == wanted


def words(folder: Path, out: Path, *more: str) -> list[str]:
    """What follows ``dmssn``: to prepare with the settings of ``CONFIG``."""
    recipe = out.parent / "recipe.toml"
    recipe.write_text(
        f'[data]\nscenes = "{folder}"\nprepared = "{out}"\n'
        '[prepare]\nsize = 32\nstatistics = "data set"\n[prepare.mixture]\ncomponents = 6\n'
    )
    return ["prepare", str(recipe), *more]


def test_a_run_with_workers_that_was_killed_goes_on(folder, wanted, tmp_path):
    out = tmp_path / "set"
    tokens = words(folder, out, "--workers", "2")
    running = subprocess.Popen([sys.executable, "-m", "dmssn", *tokens], stderr=subprocess.DEVNULL)
    while running.poll() is None and not list(out.glob("scenes/[a-z]*")):
        time.sleep(0.01)
    running.kill()
    running.wait()
    assert prepared(folder, out, workers=2).manifest is not None
    assert contents(out) == wanted


def test_a_second_run_in_the_same_folder_is_refused(folder, wanted, tmp_path):
    out = tmp_path / "set"
    prepared(folder, out)
    before = scene_ages(out)
    with locked(out), pytest.raises(BlockingIOError, match="another run is at work in it"):
        prepared(folder, out)
    with locked(out, shared=True), pytest.raises(BlockingIOError, match="another run"):
        prepared(folder, out)
    assert scene_ages(out) == before
    assert prepared(folder, out).kept == 7  # the lock went with its holder
    assert contents(out) == wanted


def test_two_runs_at_once_do_not_corrupt_the_set(folder, wanted, tmp_path):
    out = tmp_path / "set"
    files = [tmp_path / "first.txt", tmp_path / "second.txt"]
    tokens = words(folder, out, "--workers", "1")
    runs = [begun(command, file, *tokens) for file in files]
    ends = [ended(run) for run in runs]
    said = [file.read_text() for file in files]
    codes = sorted(ends)
    assert codes in ([0, 0], [0, 1]), said
    if codes == [0, 1]:
        refused = next(text for code, text in zip(ends, said, strict=True) if code)
        assert refused.count("\n") == 1
        assert "another run is at work in it" in refused
    assert contents(out) == wanted


def test_parts_at_once_make_the_set(folder, wanted, tmp_path):
    out = tmp_path / "set"
    for more in (["--statistics-only"], []):
        tokens = words(folder, out, "--workers", "1", *more)
        runs = [
            begun(command, tmp_path / f"{part}.txt", *tokens, "--shard", f"{part}/2")
            for part in (1, 2)
        ]
        assert [ended(run) for run in runs] == [0, 0]
    assert contents(out) == wanted


@contextmanager
def short_files(most: int):
    """No file may grow past so many bytes, which fails in the way of a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("most", [400, 5000])  # of settings; of a scene
def test_a_full_disk_ends_the_run_cleanly_and_the_next_goes_on(folder, wanted, tmp_path, most):
    out = tmp_path / "set"
    message = "cannot be written .*run it again" if most > 1000 else "cannot be written"
    with short_files(most), pytest.raises(OSError, match=message):
        prepared(folder, out)
    assert not list(out.rglob("*.safetensors"))
    assert not list(out.rglob(".*partial*"))
    assert prepared(folder, out).made == 7
    assert contents(out) == wanted


@contextmanager
def as_a_stranger():
    """What root may do is not forbidden by permissions: be somebody else for a while."""
    if os.geteuid():
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.parametrize("there", [False, True])
def test_an_output_that_may_not_be_written_to_is_one_line(there):
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to strangers
        root = Path(name)
        folder, out = write_folder(root / "in", height=36, width=40, bands=5), root / "set"
        if there:
            prepared(folder, out)
            before = contents(out)
        closed = [path for path in (root, out, out / "scenes") if path.is_dir()]
        for path in closed:
            path.chmod(0o555)
        with as_a_stranger(), pytest.raises(OSError, match=r"set: .*choose another") as caught:
            prepared(folder, out)
        assert "\n" not in str(caught.value)
        for path in closed:
            path.chmod(0o755)
        if there:
            assert contents(out) == before
        else:
            assert not out.exists()


def test_damaged_settings_are_one_line(folder, tmp_path):
    out = tmp_path / "set"
    prepared(folder, out)
    (out / "settings.json").write_text('{"format"')
    with pytest.raises(ValueError, match=r"settings\.json: damaged; delete it"):
        prepared(folder, out)
    (out / "settings.json").unlink()
    assert prepared(folder, out).kept == 7


def test_a_cluster_makes_the_same_bytes(folder, wanted, tmp_path, monkeypatch, cluster):
    monkeypatch.chdir(tmp_path)  # relative paths are ours, not the workers'
    report = prepared(folder, Path("set"), scheduler=cluster)
    assert report.manifest is not None
    assert contents(tmp_path / "set") == wanted
