"""The worst scenes on the leaderboard: which they are, and the reason that follows from facts."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dmssn.judging.contestants import Contestant
from dmssn.judging.pictures import picture_file
from dmssn.judging.running import map_file
from dmssn.scoring import Pair
from dmssn.store import write_json
from judged import entry_of, metrics_of, results_of
from recipes import evidence_failures as failures
from recipes import evidence_failures_page as gallery


def facts(**more):
    usual = {
        "precision": 0.8, "recall": 0.8, "auc": 0.9, "called": 0.1, "highest": 1.0,
        "salient": 0.1, "at_sides": 0.05,
    }  # fmt: skip
    return failures.Facts(**(usual | more))


@pytest.mark.parametrize(
    ("more", "kind", "said"),
    [
        ({"recall": 0.2}, "missed", "Missed: 20% of the salient pixels are found"),
        ({"recall": 0.001}, "missed", "Missed: under 1% of"),
        (
            {"recall": 0, "precision": 0, "called": 0, "highest": 0.31},
            "missed",
            "Missed: nothing is above 0.5, the highest is 0.31.",
        ),
        ({"precision": 0.004}, "invented", "Invented: over 99% of what is called salient is not"),
        (
            {"precision": 0.1, "recall": 0.1},
            failures.BOTH,
            "Missed and invented: 10% of the salient",
        ),
        (
            {"precision": 0, "recall": 0},
            failures.BOTH,
            "and 100% of what is called salient is not.",
        ),
        ({"auc": 0.49}, "inverted", "Inverted: the rest is brighter"),
        ({}, "unsure", "Unsure: at 0.5 80% of the salient pixels are found and 20% of"),
        ({"auc": math.nan, "recall": 0.1}, "missed", "Missed"),
    ],
)
def test_the_kind_of_error_is_told_first(more, kind, said):
    assert failures.kind_of(facts(**more)) == kind
    assert said in failures.why(facts(**more))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"classical": {"rx": 0.6, "sad": 0.4}},
            "hardly differ from the rest: the best classical detector, rx, reaches AUC .600.",
        ),
        ({"classical": {"rx": 0.6, "sad": 0.95}}, "It can be found: sad reaches AUC .950."),
        ({"told": {"greatest_angle": 0.042}}, "within 0.042 rad of what surrounds them."),
        ({"attributes": ["CS", "MO"]}, "The objects have the colour of what surrounds them."),
        ({"attributes": ["HDR", "CB"]}, "Light is very uneven and the background is complex."),
        ({"salient": 0.0042}, "Small: 0.42% of the scene is salient."),
        ({"salient": 0.45}, "Large: 45% of the scene"),
        ({"told": {"objects": 34}}, "Many: 34 objects."),
        ({"told": {"objects": 5, "faint": 2}}, "2 of 5 objects hardly show."),
        ({"at_sides": 0.4}, "Cut: 40% of the mask is at the sides"),
        ({"told": {"enlarged": 3}}, "Coarse: the cube was enlarged 3 times."),
    ],
)
def test_what_is_unusual_of_a_scene_is_told_and_nothing_else(more, said):
    found = failures.why(facts(**more))
    assert said in found
    usual = failures.why(facts())
    assert found.startswith(usual)
    assert said not in usual
    assert found.count(". ") == 1  # one sentence more


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"precision": 0.1, "zones": 0.97}, True),
        ({"auc": 0.2, "zones": 0.97}, True),
        ({"precision": 0.1, "zones": 0.5}, False),
        ({"recall": 0.1, "zones": 0.97}, False),  # little was called
    ],
)
def test_ground_that_is_taken_for_an_object_is_told_where_much_is_wrong(more, told):
    assert (
        "97% of the wrong pixels are in pieces that reach" in failures.why(facts(**more))
    ) == told


def test_pieces_that_reach_a_side_are_counted_whole():
    wrong = np.zeros((10, 10), dtype=bool)
    assert failures.reaching_sides(wrong) == 0
    wrong[0, 0] = wrong[1, 1] = wrong[2, 2] = True  # connected by corners
    wrong[5, 4:7] = True
    assert failures.reaching_sides(wrong) == 0.5


def test_spectra_that_differ_by_some_are_no_reason():
    assert failures.why(facts(classical={"rx": 0.8, "sad": math.nan})) == failures.why(facts())
    assert failures.why(facts(classical={"rx": math.nan})) == failures.why(facts())


def test_a_small_angle_and_its_code_are_told_once():
    said = failures.why(facts(told={"greatest_angle": 0.02}, attributes=["MS"]))
    assert "0.020 rad" in said
    assert "material" not in said
    assert "of a material like those" in failures.why(facts(attributes=["MS"]))


SHARES = ("precision", "recall", "called", "highest", "salient", "at_sides")


@given(
    st.fixed_dictionaries(dict.fromkeys(SHARES, st.floats(0, 1))),
    st.floats(0, 1) | st.just(math.nan),
)
def test_there_is_always_a_reason_and_it_is_the_same_again(shares, auc):
    its = failures.Facts(**shares, auc=auc, classical={"rx": auc})
    assert failures.why(its) == failures.why(its)
    assert failures.why(its).endswith(".")
    assert "nan" not in failures.why(its)


def test_facts_are_those_of_the_map_and_the_mask():
    mask = np.zeros((20, 40), dtype=bool)
    mask[2:6, 10:20] = True  # rows 2 and 3 are at a side
    saliency = np.where(mask, 0.4, 0.1)
    saliency[10, :8] = 0.9
    scores = {"precision": 0.0, "recall": 0.0, "roc_auc": 0.99}
    its = failures.facts_of(Pair(saliency, mask), scores, {"rx": 0.5}, ["CB"], {"objects": 1})
    assert (its.called, its.highest, its.salient) == (8 / 800, 0.9, 40 / 800)
    assert (its.at_sides, its.zones) == (0.5, 1.0)
    assert (its.auc, its.attributes, its.told) == (0.99, ["CB"], {"objects": 1})


def test_the_generator_tells_of_its_scenes_and_other_folders_nothing(tmp_path):
    assert failures.told_of_scenes(tmp_path) == {}
    write_json(tmp_path / "scenes.json", {"scenes": [{"name": "a", "objects": 3}]})
    assert failures.told_of_scenes(tmp_path)["a"]["objects"] == 3


def judged_scenes(tmp_path, count=3):
    """Scenes with colours and a map of each of two entries; what results tell of them."""
    scenes = []
    for number in range(count):
        mask = np.zeros((16, 16), dtype=bool)
        mask[4:8, 4:8] = True
        level = number / count
        pair = Pair(np.where(mask, level, 0.1), mask)
        scenes.append(SimpleNamespace(name=f"s{number}", pair=lambda path, pair=pair: pair))
        picture = picture_file(tmp_path, f"s{number}")
        picture.parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((16, 16, 3), dtype=np.uint8)).save(picture)
    values = {s.name: 0.1 * (n + 1) for n, s in enumerate(scenes)}
    scores = {
        name: {
            scene: metrics_of(v, mean_f_measure=v, precision=v, recall=v)
            for scene, v in values.items()
        }
        for name in ("net", "rx")
    }
    entries = [entry_of("net", kind="network"), entry_of("rx")]
    return scenes, results_of(scores, entries=entries, attributes={"s0": ["CS"]})


def test_the_gallery_begins_with_the_worst_and_shows_their_maps(tmp_path):
    judged, results = judged_scenes(tmp_path)
    entrants = [Contestant("net", detector="net"), Contestant("rx", detector="rx")]
    picture = tmp_path / "failures.png"
    told = {"s0": {"objects": 12}}
    parts = gallery.section(results, judged, entrants, tmp_path, told, picture, "x/failures.png")
    text = "\n".join(parts)
    rows = [line for line in text.splitlines() if line.startswith("| s")]
    assert [row.split(" | ")[0] for row in rows[1:]] == ["| s0", "| s1", "| s2"]
    assert "Many: 12 objects." in rows[1]
    assert "The objects have the colour" in rows[1]
    assert "](x/failures.png)" in text
    with Image.open(picture) as sheet:
        assert sheet.height > 3 * 160
    assert map_file(tmp_path, entrants[0], "s0").parent.name == "net"


def test_the_worst_are_by_f_mean_and_undefined_scores_are_not_among_them(tmp_path):
    _, results = judged_scenes(tmp_path)
    results.scores["net"]["s1"]["mean_f_measure"] = math.nan
    assert gallery.worst_scenes(results, "net", 5) == ["s0", "s2"]
