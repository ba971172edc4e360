"""TensorBoard events, read back by TensorBoard itself."""

import io
import math
import sys

import numpy as np
import pytest
from PIL import Image

from dmssn.runs.events import Events

accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


def read_back(folder):
    events = accumulators.EventAccumulator(str(folder))
    events.Reload()
    return events


def scalars_of(folder, name):
    return [(event.step, event.value) for event in read_back(folder).Scalars(name)]


def test_numbers_are_there_by_name_and_step_before_the_file_is_closed(tmp_path):
    events = Events(tmp_path / "events", 1)
    events.scalars(1, {"val/mae": 0.5, "loss/segment/bce": 2.0})
    events.scalars(2, {"val/mae": 0.25, "score": math.nan})
    assert scalars_of(tmp_path / "events", "val/mae") == [(1, 0.5), (2, 0.25)]
    assert scalars_of(tmp_path / "events", "loss/segment/bce") == [(1, 2.0)]
    assert math.isnan(scalars_of(tmp_path / "events", "score")[0][1])
    events.close()


def test_pictures_come_back_bit_for_bit(tmp_path):
    picture = np.random.default_rng(0).integers(256, size=(5, 9, 3), dtype=np.uint8)
    events = Events(tmp_path, 0)
    events.pictures(3, {"scenes/a b": picture, "scenes/dark": picture // 200})
    events.close()
    for name, expected in (("scenes/a b", picture), ("scenes/dark", picture // 200)):
        (event,) = read_back(tmp_path).Images(name)
        assert event.step == 3
        shown = np.asarray(Image.open(io.BytesIO(event.encoded_image_string)))
        np.testing.assert_array_equal(shown, expected)


@pytest.mark.parametrize("first", [0, 3])
def test_what_a_resumed_run_does_again_is_shown_once(tmp_path, first):
    picture = np.zeros((4, 4, 3), dtype=np.uint8)
    killed = Events(tmp_path, 0)
    for step in range(5):
        killed.scalars(step, {"score": step})
        killed.pictures(step, {"scene": picture})
    killed.close()
    resumed = Events(tmp_path, first)
    resumed.scalars(first, {"score": 100})
    resumed.close()
    assert scalars_of(tmp_path, "score") == [*((n, n) for n in range(first)), (first, 100)]
    assert [event.step for event in read_back(tmp_path).Images("scene")] == list(range(first))


def test_without_the_extra_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'dmssn\[tensorboard\]'"):
        Events(tmp_path, 0)
