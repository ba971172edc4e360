"""Detectors in folders and on the hub: what is written is loaded again, and errors are one line."""

import sys
from pathlib import Path

import numpy as np
import pytest

import dmssn
from dmssn import hub
from dmssn.checkpoint import read_header
from dmssn.config import SettingError
from dmssn.model_card import model_card
from generated import cube_of
from making import BANDS, header, write_detector

TOLD = {
    "metrics": {"val/mae": 0.125, "val/auc": 0.9, "score": 3.0, "val/new": 0.5},
    "provenance": {
        "version": "0.0.9",
        "set": "hs-sod",
        "commit": "abc",
        "scenes": {"train": 40, "val": 10},
        "recipe": {"data": {"scenes": "/home/me/secret"}, "detector": {"fit": {"epochs": 7}}},
    },
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_detector(tmp_path / "mine.safetensors", **TOLD)


def test_a_folder_that_was_written_gives_the_same_detector(tmp_path, file):
    written = hub.write_folder(file, tmp_path / "shared")
    assert [path.name for path in written] == ["dmssn.safetensors", "README.md"]
    loaded = dmssn.from_pretrained(tmp_path / "shared", device="cpu")
    cube = cube_of(bands=BANDS)
    np.testing.assert_array_equal(loaded(cube), dmssn.load_detector(file, device="cpu")(cube))
    assert loaded.name == "shared"
    assert read_header(written[0], "detector") == read_header(file, "detector")


def test_a_folder_needs_no_hub(tmp_path, file, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    hub.write_folder(file, tmp_path / "shared")
    assert dmssn.from_pretrained(tmp_path / "shared").header.bands == BANDS
    with pytest.raises(ModuleNotFoundError, match=r"user/detector: no folder here.*dmssn\[hub\]"):
        dmssn.from_pretrained("user/detector")
    with pytest.raises(ModuleNotFoundError, match=r"^user/detector: the Hug.*dmssn\[hub\]"):
        dmssn.push_to_hub(file, "user/detector")


def test_a_folder_without_a_checkpoint_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no dmssn.safetensors; `dmssn export"):
        dmssn.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"holds no other\.onnx"):
        dmssn.from_pretrained(tmp_path, file="other.onnx")


@pytest.mark.parametrize("text", ["{}:sizes=48", "sad", "nothing"])
def test_what_is_no_checkpoint_makes_no_folder(tmp_path, file, text):
    with pytest.raises(SettingError):
        hub.write_folder(text.format(file), tmp_path / "shared")
    assert not (tmp_path / "shared").exists()


class Api:
    """In place of huggingface_hub: a folder for every repository."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[tuple] = []

    def HfApi(self, **given):
        self.asked.append(("api", given))
        return self

    def create_repo(self, repository, **given):
        self.asked.append(("create", repository, given))
        (self.root / repository).mkdir(parents=True, exist_ok=given["exist_ok"])

    def upload_folder(self, *, repo_id, folder_path, **given):
        self.asked.append(("upload", repo_id, given))
        for path in Path(folder_path).iterdir():
            (self.root / repo_id / path.name).write_bytes(path.read_bytes())
        return f"https://hub/{repo_id}/commit/1"

    def hf_hub_download(self, repository, file, **given):
        self.asked.append(("download", repository, file, given))
        path = self.root / repository / file
        if not path.is_file():
            raise FileNotFoundError(f"\n\n404 of {repository}\nand more")
        return str(path)


@pytest.fixture
def api(tmp_path, monkeypatch) -> Api:
    made = Api(tmp_path / "hub")
    monkeypatch.setitem(sys.modules, "huggingface_hub", made)
    return made


def test_what_is_pushed_is_had_again(tmp_path, file, api):
    said = dmssn.push_to_hub(file, "me/mine", private=True, license="mit", token="t")
    assert said == "https://hub/me/mine/commit/1"
    assert api.asked[0][1]["token"] == "t"
    assert api.asked[1] == ("create", "me/mine", {"private": True, "exist_ok": True})
    found = dmssn.from_pretrained("me/mine", revision="v1", device="cpu")
    assert api.asked[-1][:3] == ("download", "me/mine", "dmssn.safetensors")
    assert api.asked[-1][3]["revision"] == "v1"
    cube = cube_of(bands=BANDS)
    np.testing.assert_array_equal(found(cube), dmssn.load_detector(file, device="cpu")(cube))
    assert found.name == "mine"
    card = (tmp_path / "hub" / "me" / "mine" / "README.md").read_text(encoding="utf-8")
    assert 'dmssn.from_pretrained("me/mine")' in card


def test_what_the_hub_answers_is_one_line(api):
    with pytest.raises(
        OSError, match=r"^nobody/nothing: no folder here, and the hub says: 404"
    ) as e:
        dmssn.from_pretrained("nobody/nothing")
    assert "\n" not in str(e.value)


class ConnectError(Exception):
    """httpx's: no OSError."""


def test_a_lost_connection_is_one_line_too(api, file, monkeypatch):
    def lost(*_, **__):
        raise ConnectError("refused\nand more")

    monkeypatch.setattr(api, "create_repo", lost)
    with pytest.raises(OSError, match=r"^me/mine: the hub says: refused$"):
        dmssn.push_to_hub(file, "me/mine")


def test_the_hubs_own_errors_are_one_line_and_need_no_network(monkeypatch, tmp_path):
    pytest.importorskip("huggingface_hub", reason="the extra hub is not installed")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for name in ("nobody/nothing", "not a name", "a/b/c"):
        with pytest.raises(OSError, match=f"^{name}: no folder here, and the hub says: ") as error:
            dmssn.from_pretrained(name, cache_dir=tmp_path)
        assert "\n" not in str(error.value)


def test_a_card_tells_what_the_header_does_and_no_folder_of_ours():
    card = model_card(header(**TOLD), "mine", source="me/mine", size=2_500_000, license="mit")
    front, _, page = card.removeprefix("---\n").partition("\n---\n")
    assert 'license: "mit"' in front.splitlines()
    assert "library_name: dmssn" in front.splitlines()
    assert page.startswith("\n# mine\n")
    for told in (
        f"| bands | {BANDS};", "| data set | hs-sod |", "40 train, 10 val", "| epochs | 7 |",
        "| mean absolute error | 0.125 |", "| area under the ROC curve | 0.9 |", "| new | 0.5 |",
        "2.5 MB", "along their band order", "the cube's own statistics", "without evidence",
    ):  # fmt: skip
        assert told in page, told
    assert "secret" not in card
    assert "score" not in page.split("## How good it is")[1].split("##")[0].replace("scores", "")


def test_a_card_says_what_is_not_told():
    bare = model_card(header(provenance={}), "mine", source="x", size=1)
    assert "license" not in bare
    assert "| provenance | not told |" in bare
    assert "The checkpoint tells no scores." in bare


def test_a_card_tells_a_cameras_bands_units_and_variant():
    told = header(
        wavelengths_nm=np.linspace(400, 750, BANDS).tolist(), mean=[0.0] * BANDS, std=[1.0] * BANDS,
        model={"evidence": True, "msst": {"head": "detail"}},
    )  # fmt: skip
    card = model_card(told, "mine", source="x", size=1)
    for said in ("400 to 750 nm", "those of the training scenes", "with evidence", "head detail"):
        assert said in card
