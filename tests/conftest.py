"""Fixtures shared by the whole suite."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]

# Side by side, runners that take all cores each spend most of their time waiting for each other.
# Before anything here imports numpy or torch, and for all processes that the tests start.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# In the background of a shell Ctrl-C is ignored; tests of it are to work there, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is not a failure; speed is measured elsewhere.
hypothesis.settings.register_profile("dmssn", deadline=None)
hypothesis.settings.load_profile("dmssn")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real cubes, which are not part of the repository."""
    folder = Path(os.environ.get("DMSSN_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real cubes at {folder}; set DMSSN_DATA to a folder that holds them")
    return folder


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """Address of a Dask cluster of two workers on this machine."""
    distributed = pytest.importorskip("distributed", reason="the extra cluster is not installed")
    import dask

    # A job that kills its workers is given up at the second one, and not at the fourth.
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as local,
    ):
        yield local.scheduler_address


@pytest.fixture(scope="module")
def job_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where ``training_jobs`` start: a prepared set, a recipe and a trained teacher."""
    from training_jobs import write_jobs

    root = tmp_path_factory.mktemp("jobs")
    write_jobs(root)
    return root


@pytest.fixture(scope="module")
def unrendered() -> Iterator[Callable[..., None]]:
    """Figures are put together as ever and saved as empty files, for to render them takes long.

    For tests that look at none; yields what renders one, for those among them that do.
    """
    from matplotlib.figure import Figure

    render = Figure.savefig

    def leave(figure: Figure, path: Path, **_: Any) -> None:
        path.write_bytes(b"")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", leave)
        yield render


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Figures as they are saved, and what is in them."""
    from matplotlib.figure import Figure

    figures: list[Any] = []
    save = Figure.savefig

    def keep(figure: Figure, *args: Any, **kwargs: Any) -> None:
        figures.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow past 1000 bytes, which fails in the way of a full disk."""
    resource = pytest.importorskip("resource", reason="not on this system")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
