"""One function over many items: in this process, in others, on a cluster; workers that die."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_info

from dmssn.workers import WorkerDied, over_all, usual_workers


def square(number: int) -> int:
    return number * number


def process_and_threads(number: int) -> tuple[int, int]:
    time.sleep(0.2)
    pools = [pool["num_threads"] for pool in threadpool_info()]
    return os.getpid(), max([torch.get_num_threads(), *pools])


def dies_once(folder: Path, number: int) -> int:
    """Kills its own process at the first try of 3."""
    if number == 3 and not (folder / "died").exists():
        (folder / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def dies_always(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def fails(number: int) -> int:
    raise ValueError(f"{number} is wrong")


def where(request, place: str) -> dict:
    if place == "cluster":
        return {"scheduler": request.getfixturevalue("cluster")}
    return {"workers": {"here": 1, "processes": 2}[place]}


PLACES = ["here", "processes", "cluster"]


@pytest.mark.parametrize("place", PLACES)
def test_every_item_comes_with_its_result(request, place):
    found = dict(over_all(square, range(7), **where(request, place)))
    assert found == {number: number**2 for number in range(7)}


@pytest.mark.parametrize("place", PLACES)
def test_an_error_of_the_function_is_the_callers(request, place):
    with pytest.raises(ValueError, match="is wrong"):
        list(over_all(fails, range(3), **where(request, place)))


@pytest.mark.parametrize("place", PLACES)
def test_workers_have_the_threads_they_are_given(request, place):
    before = torch.get_num_threads()
    found = [
        result for _, result in over_all(process_and_threads, range(4), **where(request, place))
    ]
    assert {threads for _, threads in found} == {1}
    processes = {process for process, _ in found}
    assert processes == {os.getpid()} if place == "here" else os.getpid() not in processes
    assert torch.get_num_threads() == before


def test_threads_can_be_left_as_they_are():
    before = process_and_threads(0)[1]
    ((_, (_, threads)),) = over_all(process_and_threads, [1], threads=None)
    assert threads == before


@pytest.mark.parametrize("place", ["processes", "cluster"])
def test_a_worker_that_is_killed_is_replaced_and_nothing_lost(request, tmp_path, place):
    found = dict(over_all(partial(dies_once, tmp_path), range(8), **where(request, place)))
    assert found == {number: number**2 for number in range(8)}
    assert (tmp_path / "died").exists()


def test_the_only_item_does_not_kill_this_process():
    ((item, result),) = over_all(dies_always, [3], workers=2)
    assert (item, isinstance(result, WorkerDied)) == (3, True)


@pytest.mark.parametrize("place", ["processes", "cluster"])
def test_an_item_that_kills_every_worker_is_told_and_the_others_done(request, place):
    found = dict(over_all(dies_always, range(6), **where(request, place)))
    assert isinstance(found.pop(3), WorkerDied)
    assert found == {number: number**2 for number in (0, 1, 2, 4, 5)}


def test_a_cluster_that_does_not_answer_is_one_line(monkeypatch):
    pytest.importorskip("distributed", reason="the extra cluster is not installed")
    monkeypatch.setattr("dmssn.workers.CONNECT_SECONDS", 0.5)
    with pytest.raises(OSError, match="no Dask scheduler answers"):
        list(over_all(square, [1], scheduler="tcp://127.0.0.1:9"))


PARENT = """
import sys, time
from pathlib import Path
from dmssn.workers import over_all

def slow(number):
    import os
    Path(sys.argv[1], str(os.getpid())).touch()
    time.sleep(600)

if __name__ == "__main__":
    list(over_all(slow, [1, 2], workers=2))
"""


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_workers_end_when_their_parent_is_killed(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    begun = tmp_path / "begun"
    begun.mkdir()
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py"), str(begun)])
    try:
        patience(lambda: len(list(begun.iterdir())) == 2)
    finally:
        parent.kill()
        parent.wait()
    workers = [int(path.name) for path in begun.iterdir()]
    assert len(workers) == 2
    patience(lambda: not any(map(alive, workers)))


def patience(condition, seconds: float = 60) -> None:
    for _ in range(int(seconds * 20)):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


def test_the_usual_number_of_workers_fits_the_memory():
    assert usual_workers(1) == len(os.sched_getaffinity(0))
    assert usual_workers(1e18) == 1
