"""What the leaderboard tells beside scores: where the network is better, what it costs."""

from types import SimpleNamespace

import numpy as np
import pytest

from dmssn.config import PrepareConfig
from dmssn.judging.statistics import Intervals
from dmssn.judging.summary import summarize
from dmssn.recipes import to_table
from dmssn.regions import RegionCube
from generated import cube_of
from judged import entry_of, metrics_of, results_of
from recipes import evidence_attributes as attributes
from recipes import evidence_homogenizing as homogenizing
from recipes import leaderboard

# Where it is better


def intervals_of(*ends):
    """Of one metric: mean, low and high of each entry."""
    mean, low, high = np.array(ends, dtype=float).T[:, :, None]
    return Intervals(mean, low, high, np.full(mean.shape, 20))


@pytest.mark.parametrize(
    ("ours", "low", "word"),
    [
        ((0.9, 0.81, 0.95), False, "clear"),
        ((0.9, 0.80, 0.95), False, "better"),  # ends that touch
        ((0.75, 0.7, 0.8), False, "better"),
        ((0.7, 0.6, 0.8), False, "no"),  # equal means
        ((0.1, 0.05, 0.2), False, "no"),
        ((0.1, 0.05, 0.2), True, "clear"),
        ((0.55, 0.45, 0.65), True, "no"),
    ],
)
def test_clear_is_an_interval_wholly_on_the_better_side(ours, low, word):
    means = intervals_of(ours, (0.7, 0.6, 0.8), (0.5, 0.4, 0.6))
    found = attributes.against_best(means, 0, {"rx": 1, "sad": 2}, 0, low=low)
    assert found.word == word
    assert found.other == ("sad" if low else "rx")
    theirs = 0.5 if low else 0.7
    assert found.difference == pytest.approx((theirs - ours[0]) if low else (ours[0] - theirs))


def test_without_an_interval_nothing_is_clear_and_without_a_mean_there_is_no_word():
    few = intervals_of((0.9, np.nan, np.nan), (0.2, np.nan, np.nan))
    assert attributes.against_best(few, 0, {"rx": 1}, 0, low=False).word == "better"
    none = intervals_of((np.nan,) * 3, (0.2, 0.1, 0.3))
    assert attributes.against_best(none, 0, {"rx": 1}, 0, low=False).word == "-"
    assert attributes.against_best(none, 1, {"net": 0}, 0, low=False).word == "-"


def summary_of(ours=0.3, scenes=12):
    """A network that is better by a little on every scene, where CS scenes are every second."""
    base = {f"s{n:02d}": 0.3 + 0.02 * n for n in range(scenes)}
    scores = {
        "net": {s: metrics_of(v + ours) for s, v in base.items()},
        "net-published": {s: metrics_of(v + ours - 0.01) for s, v in base.items()},
        "rx": {s: metrics_of(v) for s, v in base.items()},
        "sad": {s: metrics_of(v - 0.1) for s, v in base.items()},
    }
    kinds = {"net": "network", "net-published": "network"}
    return summarize(
        results_of(
            scores,
            entries=[entry_of(name, kind=kinds.get(name, "classical")) for name in scores],
            attributes={s: ["CS"] if n % 2 else [] for n, s in enumerate(base)},
        )
    )


def test_each_part_of_the_scenes_has_a_row_and_each_metric_a_word():
    text = "\n".join(attributes.section(summary_of(), "net-published"))
    rows = [line for line in text.splitlines() if line.startswith(("| all", "| CS", "| none"))]
    assert [row.split(" | ")[0] for row in rows[:3]] == ["| all (12)", "| CS (6)", "| none (6)"]
    assert "clear in 9, better in 0, no in 0" in text
    assert "**clear +.300**" in rows[0]
    assert "### Beside net-published" in text
    # Unpaired, intervals overlap by far; scene by scene the difference is the same everywhere.
    assert "**clear +.010**" in rows[3]


def test_where_the_published_network_is_not_entered_it_is_not_told():
    text = "\n".join(attributes.section(summary_of(ours=-0.1), "another"))
    assert "Beside" not in text
    assert "clear in 0, better in 0, no in 9" in text


# What homogenization costs


class Network:
    """Takes regions and gives nothing; keeps how many there were."""

    def __init__(self):
        self.header = SimpleNamespace(
            prepare=to_table(PrepareConfig(size=32)), mean=None, std=None, bands=5
        )
        self.seen = []

    def on_regions(self, regions: RegionCube):
        self.seen.append(len(regions.spectra))


def test_both_ways_are_timed_on_the_same_pixels_and_take_turns():
    network = Network()
    times = homogenizing.time_scenes([cube_of(seed=seed) for seed in range(2)], network)
    assert len(times) == 2
    for timed in times:
        assert timed["none"]["spectra"] == 32 * 32 > timed["region"]["spectra"]
        assert min(timed[how]["homogenize"] for how in ("region", "none")) > 0
    pixels = [count == 32 * 32 for count in network.seen]
    assert pixels == [False, True, False, True, True, False]  # the first two are not counted


def times_of(*pairs):
    return [
        {
            how: {"homogenize": seconds, "network": 1.0, "spectra": spectra}
            for how, seconds, spectra in (("region", region, 100.0), ("none", none, 1000.0))
        }
        for region, none in pairs
    ]


def test_the_ratio_is_the_median_of_those_of_single_scenes():
    times = times_of((2, 1), (30, 10), (8, 2))
    assert homogenizing.ratio_of(times, lambda side: side["homogenize"]) == 3
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in
            homogenizing.time_table(times).rows}  # fmt: skip
    assert rows["to region spectra, s"] == ["8.00", "2.00", "3.00"]
    assert rows["spectra"] == ["100", "1,000", "0.10"]
    assert rows["both, s"][2] == "2.82"  # of 3/2, 31/11 and 9/3: not the ratio of the sums


def test_the_section_tells_of_an_ablation_only_if_there_is_one():
    told = {"times": times_of((2, 1)), "size": 32, "on": "a machine"}
    alone = "\n".join(homogenizing.section(told, None))
    assert "1.5 times the time" in alone
    assert "ablations.md" in alone
    number = {"mean": 0.5, "spread": 0.01, "seeds": 3}
    variant = {
        "metrics": dict.fromkeys(("mae", "f_mean", "f_max", "auc"), number), "minutes": 3.0,
        "difference": {"f_mean": number}, "verdict": "better", "expected": "worse",
        "failed": {}, "claim": "It helps.",
    }  # fmt: skip
    ablation = {
        "seeds": 3,
        "decides": "f_mean",
        "variants": {"ours": variant, "no-homogenization": variant, "pca": variant},
    }
    text = "\n".join(homogenizing.section(told, ablation))
    assert "| no-homogenization | 0.500 ± 0.010 |" in text
    assert "It helps. Contradicted, the variant is better" in text
    assert "pca" not in text


# The page


def test_parts_that_are_not_made_anew_stay_as_they_were():
    page = "# Leaderboard\n\n## Real cubes\n\ntext\n\n### AUC\n\nrows\n\n## Other\n\nmore\n"
    assert leaderboard.kept_part(page, "Real cubes") == "## Real cubes\n\ntext\n\n### AUC\n\nrows"
    assert leaderboard.kept_part(page, "Other") == "## Other\n\nmore"
    assert leaderboard.kept_part(page, "Real") == ""
