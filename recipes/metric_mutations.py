"""Would the tests notice a wrong metric? Faults put into the metrics, one at a time.

    python -m recipes.metric_mutations
    python -m recipes.metric_mutations --only roc --workers 2

prints a Markdown table: each fault, and the first test of ``tests/test_metrics*.py`` that fails
with it. Each is put into a copy of the package in a temporary folder; the package itself is left
alone. Ends with 1 if a fault goes unnoticed. Needs ``fork``: Linux or macOS.
"""

import argparse
import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PROFILE = """
import hypothesis
hypothesis.settings.register_profile(
    "mutations",
    deadline=None,
    database=None,
    derandomize=True,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
)
"""
"""A plugin of pytest: what fails is not made smaller, which would take most of the time."""
ORACLES = ("py_sod_metrics", "scipy.stats", "sklearn.metrics")
"""What the tests import and the package does not; loading it takes longer than most tests."""


class Fault(NamedTuple):
    """One wrong line.

    Attributes:
        module: Of ``dmssn.metrics``.
        what: What is wrong, in words.
        right: The text that is replaced; it occurs once.
        wrong: What it is replaced by.
    """

    module: str
    what: str
    right: str
    wrong: str


# fmt: off
FAULTS = [
    Fault("pair", "map beyond 1 accepted", "<= self.high <= 1:", "<= self.high <= 2:"),
    Fault("pair", "NaN accepted", "if not 0 <= self.low <= self.high <= 1:",
          "if self.low < 0 or self.high > 1:"),
    Fault("pair", "256 in place of 255 levels", "LEVELS - 1", "LEVELS"),
    Fault("pair", "thresholds: above, not at or above", "counts[::-1].cumsum()[::-1]",
          "counts[::-1].cumsum()[::-1] - counts"),
    Fault("pair", "pairs of levels counted by their first", "pairs.sum(axis=0) + pairs.sum(axis=1)",
          "2 * pairs.sum(axis=0)"),
    Fault("pair", "what fills the last pair up is counted", "counts[0] -= ", "_ = "),
    Fault("pair", "adaptive threshold not held to 1", "min(2 * self.mean, 1)", "2 * self.mean"),
    Fault("pair", "adaptive threshold is the mean", "min(2 * self.mean, 1)", "min(self.mean, 1)"),
    Fault("pair", "adaptive: above, not at or above",
          "area(self.inside >= threshold), area(self.saliency >= threshold)",
          "area(self.inside > threshold), area(self.saliency > threshold)"),
    Fault("pair", "pixels that do not count are 0, not left out",
          "saliency[counted][None], mask[counted][None]", "saliency * counted, mask & counted"),
    Fault("pair", "a metric alone counts every pixel", "self.of(Pair(saliency, mask, counted))",
          "self.of(Pair(saliency, mask))"),
    Fault("pair", "variances always as differences of sums",
          "return deviations if deviations > _SURE * largest > 1e-200 else None",
          "return deviations"),
    Fault("pair", "variance: the squared mean taken off once", "total * (total / count)",
          "(total / count) ** 2"),
    Fault("agreement", "MAE with the salient pixels' values",
          "(outside + pair.salient - inside) / pair.size", "(outside + inside) / pair.size"),
    Fault("agreement", "MAE over salient pixels", "- inside) / pair.size",
          "- inside) / pair.salient"),
    Fault("agreement", "CC with the share turned over", "np.sqrt(share / (1 - share))",
          "np.sqrt((1 - share) / share)"),
    Fault("agreement", "CC not defined for one kind of pixel", "or pair.one_kind:", "or False:"),
    Fault("agreement", "NSS without the map's mean", "(pair.inside.mean() - pair.mean)",
          "pair.inside.mean()"),
    Fault("agreement", "NSS by N - 1", "np.sqrt(deviations / pair.size)",
          "np.sqrt(deviations / (pair.size - 1))"),
    Fault("agreement", "nearly flat maps not stretched first",
          "(pair.saliency - pair.low) / (pair.high - pair.low)", "pair.saliency"),
    Fault("agreement", "NSS of a flat map is 0", 'return float("nan")', "return 0.0"),
    Fault("thresholds", "beta squared twice", "BETA_SQUARED = 0.3", "BETA_SQUARED = 0.3**2"),
    Fault("thresholds", "F: precision and recall exchanged", "beta_squared * salient + called",
          "salient + beta_squared * called"),
    Fault("thresholds", "F of 0/0 not guarded", "np.where(denominator == 0, 1, denominator)",
          "denominator"),
    Fault("thresholds", "F without 1 + beta squared", "(1 + beta_squared) * ratio", "ratio"),
    Fault("thresholds", "F1 with beta squared 0.3", "pair.salient, 1.0)",
          "pair.salient, BETA_SQUARED)"),
    Fault("thresholds", "precision: at or above 0.5",
          "area(pair.inside > 0.5), area(pair.saliency > 0.5)",
          "area(pair.inside >= 0.5), area(pair.saliency >= 0.5)"),
    Fault("thresholds", "precision and recall exchanged",
          "hits / max(called, 1), hits / max(salient, 1),",
          "hits / max(salient, 1), hits / max(called, 1),"),
    Fault("thresholds", "F1 without its 2", "2 * hits / max(", "hits / max("),
    Fault("alignment", "E by N", "return aligned / (size - 1)", "return aligned / size"),
    Fault("alignment", "E of one pixel by 0", "max(size - 1, 1)", "(size - 1)"),
    Fault("alignment", "E of an empty mask as of a full one",
          "(called if salient else size - called)", "(size - called if salient else called)"),
    Fault("alignment", "E's square by 2", "(aligned + 1) ** 2 / 4", "(aligned + 1) ** 2 / 2"),
    Fault("alignment", "E with a large epsilon", "of_mask**2 + EPSILON", "of_mask**2 + 1e-3"),
    Fault("alignment", "E: misses counted as false calls", "(salient - hits) * _align",
          "(called - hits) * _align"),
    Fault("structure", "S: alpha 0.6", "0.5 * _objects(pair) + 0.5 * _regions(pair)",
          "0.6 * _objects(pair) + 0.4 * _regions(pair)"),
    Fault("structure", "S below 0", "max(0.0, 0.5 *", "float(0.5 *"),
    Fault("structure", "S: centroid not one past", "+ 1\n", "+ 0\n"),
    Fault("structure", "S: centroid cut, not rounded", "round(float(", "int(float("),
    Fault("structure", "S: rows and columns of the centroid exchanged", "axis=1 - axis",
          "axis=axis"),
    Fault("structure", "S: quadrants weighted alike", "mask.size * _likeness", "1 * _likeness"),
    Fault("structure", "S: deviation by N", "values.std(ddof=1)", "values.std(ddof=0)"),
    Fault("structure", "S: background's deviation by N", "deviations / (around - 1)",
          "deviations / around"),
    Fault("structure", "S: object without deviation", "(mean**2 + 1 + deviation + EPSILON)",
          "(mean**2 + 1 + EPSILON)"),
    Fault("structure", "S: background not turned over", "1 - total / around", "total / around"),
    Fault("structure", "S: covariance not about the means", "- mean_mask * total\n", "\n"),
    Fault("structure", "S: no epsilon in a quadrant", "(below / freedom + EPSILON)",
          "(below / freedom)"),
    Fault("structure", "S: flat quadrants are unlike", "return 1.0 if below == 0 else 0.0",
          "return 0.0"),
    Fault("structure", "S of an empty mask as of a full one",
          "pair.mean if pair.salient else 1 - pair.mean", "1 - pair.mean"),
    Fault("structure", "S of a part of a picture", "if not pair.whole:", "if False:"),
    Fault("weighted", "weighted F: sigma 1", "SIGMA = 5.0", "SIGMA = 1.0"),
    Fault("weighted", "weighted F: 5 x 5", "REACH = 3", "REACH = 2"),
    Fault("weighted", "weighted F: distance over 4", "np.log(0.5) / 5", "np.log(0.5) / 4"),
    Fault("weighted", "weighted F: costs end at 20 pixels", "FAR = 265", "FAR = 20"),
    Fault("weighted", "weighted F: far errors once", "2 * beyond", "1 * beyond"),
    Fault("weighted", "weighted F: errors inside cost as outside", "cost[0] = 0", "cost[0] = 1"),
    Fault("weighted", "weighted F: errors outside are their own",
          "around = 1 - saliency.take(place)", "around = np.abs(saliency - mask)[box] + 0 * place"),
    Fault("weighted", "weighted F: picture goes on past its edge", 'mode="constant"',
          'mode="nearest"'),
    Fault("weighted", "weighted F: errors never less than around", "np.minimum(1 - saliency[box]",
          "np.maximum(1 - saliency[box]"),
    Fault("weighted", "weighted F of an empty mask is not 0", "return 0.0", "return 1.0"),
    Fault("weighted", "weighted F: recall not weighted", "right / pair.salient, right / (",
          "1.0, right / ("),
    Fault("weighted", "weighted F of a part of a picture", "if not pair.whole:", "if False:"),
    Fault("ranking", "AUC: ties won", 'np.searchsorted(others, ones[first], side="left")',
          'np.searchsorted(others, ones[first], side="right")'),
    Fault("ranking", "AUC: ties lost", 'np.searchsorted(others, ones[first], side="right")',
          'np.searchsorted(others, ones[first], side="left")'),
    Fault("ranking", "AUC turned over where most is salient",
          "return 2 * ones.size * others.size - _twice", "return _twice"),
    Fault("ranking", "AUC: equal values counted once", "@ often", "@ np.ones_like(often)"),
    Fault("ranking", "AUC of an empty mask is 0.5", 'float("nan")\n    salient, others',
          "0.5\n    salient, others"),
    Fault("ranking", "AUC of thresholds without (0, 0)",
          "true = np.append(hits, 0) / pair.salient\n    false = np.append(called - hits, 0)",
          "true = hits / pair.salient\n    false = (called - hits)"),
    Fault("ranking", "AUC of thresholds over all pixels", "/ (pair.size - pair.salient)",
          "/ pair.size"),
    Fault("ranking", "ROC curve: ties are steps", "right[0] + part * (right[1] - right[0])",
          "right[0]"),
    Fault("ranking", "ROC curve: the foot of what rises", "reached.astype(np.int64)]",
          "np.maximum(np.ceil(reached) - 1, 0).astype(np.int64)]"),
    Fault("ranking", "ROC curve: rates of N - 1", "np.arange(RATES) * others.size / RATES",
          "np.arange(RATES) * (others.size - 1) / RATES"),
    Fault("published", "published precision is the precision", "hits / max(pair.salient, 1)",
          "hits / max(called, 1)"),
    Fault("published", "published recall is the recall",
          '"published_recall": hits / max(called, 1)',
          '"published_recall": hits / max(pair.salient, 1)'),
    Fault("published", "published: at or above 0.5",
          "area(pair.saliency > 0.5), area(pair.inside > 0.5)",
          "area(pair.saliency >= 0.5), area(pair.inside >= 0.5)"),
    Fault("published", "published: not stretched", "Pair(stretched(given.saliency), given.mask)",
          "Pair(given.saliency, given.mask)"),
    Fault("published", "published AUC: map and mask not exchanged",
          "(hits / called + (rest - salient + hits) / rest) / 2",
          "(hits / salient + 1 - (called - hits) / (size - salient)) / 2"),
    Fault("published", "published AUC where nothing is called", "if called in (0, size):",
          "if called < 0:"),
    Fault("published", "published: pixels that do not count count", "Pair(saliency, mask, counted)",
          "Pair(saliency, mask)"),
    Fault("published", "flat maps stretched to 0", "        return saliency\n",
          "        return saliency - low\n"),
    Fault("scores", "precision 0 where nothing is called", "np.where(called == 0, 1.0,",
          "np.where(called == 0, 0.0,"),
    Fault("scores", "recall of an empty mask is 0",
          "hits / pair.salient if pair.salient else nothing", "hits / max(pair.salient, 1)"),
    Fault("scores", "precision of an empty mask is 0",
          "np.maximum(called, 1)) if pair.salient else nothing", "np.maximum(called, 1))"),
    Fault("scores", "F max is the mean", "float(f_curve.max())", "float(f_curve.mean())"),
    Fault("scores", "E mean is the largest", "float(e_curve.mean())", "float(e_curve.max())"),
    Fault("scores", "F1 avg is the largest", "f1_curve.of(pair).mean()", "f1_curve.of(pair).max()"),
    Fault("scores", "curves count every pixel", "return _curves(Pair(saliency, mask, counted))",
          "return _curves(Pair(saliency, mask))"),
]
# fmt: on


def main() -> int:
    """Try the faults; 1 if one goes unnoticed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", default="", help="faults whose module or words hold this")
    parser.add_argument("--workers", type=int, default=1, help="faults tried at once")
    options = parser.parse_args()
    faults = [fault for fault in FAULTS if options.only in f"{fault.module} {fault.what}"]
    for fault in faults:
        faulty(fault)  # a fault that no longer fits the module shows at once
    found = tried([None, *faults], options.workers)
    if (failed := next(found)) is not None:
        sys.exit(f"the tests fail without a fault: {failed}")
    print("| module | fault | first failing test |\n|---|---|---|")
    unnoticed = 0
    for fault, test in zip(faults, found, strict=True):
        print(f"| `{fault.module}` | {fault.what} | {test or '**none**'} |", flush=True)
        unnoticed += test is None
    print(f"\n{len(faults)} faults, {unnoticed} unnoticed")
    return int(unnoticed > 0)


def tried(faults: list[Fault | None], workers: int) -> Iterator[str | None]:
    """First failing test of each fault, in order; None where all pass."""
    for name in ORACLES:
        import_module(name)
    # Each in a process of its own, which knows the oracles already but nothing of the package.
    with get_context("fork").Pool(workers, maxtasksperchild=1) as pool:
        yield from pool.imap(first_failing, faults, chunksize=1)


def faulty(fault: Fault) -> str:
    """The text of a module with the fault in it.

    Raises:
        ValueError: What is to be replaced does not occur exactly once.
    """
    text = (ROOT / "src" / "dmssn" / "metrics" / f"{fault.module}.py").read_text(encoding="utf-8")
    if (times := text.count(fault.right)) != 1:
        raise ValueError(f"metrics/{fault.module}.py has {times} times, not once: {fault.right!r}")
    return text.replace(fault.right, fault.wrong)


def first_failing(fault: Fault | None) -> str | None:
    """Run the metrics' tests on a copy of the package, with a fault or none; None if they pass."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "dmssn"
        shutil.copytree(ROOT / "src" / "dmssn", copy, ignore=shutil.ignore_patterns("__pycache__"))
        (Path(folder) / "mutation_profile.py").write_text(PROFILE, encoding="utf-8")
        if fault is not None:
            (copy / "metrics" / f"{fault.module}.py").write_text(faulty(fault), encoding="utf-8")
        return _first_failing_in(Path(folder))


def _first_failing_in(folder: Path) -> str | None:
    tests = sorted(map(str, (ROOT / "tests").glob("test_metrics*.py")))
    tests.sort(key=lambda test: "oracles" in test)  # the slowest last
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "mutation_profile"]
    options += ["--hypothesis-profile", "mutations"]
    os.chdir(ROOT)
    sys.path.insert(0, str(folder))  # before the installed package
    sys.dont_write_bytecode = True
    with contextlib.redirect_stdout(io.StringIO()) as said:
        for which in ("not hypothesis", "hypothesis"):  # cases by hand first: they are quick
            code = pytest.main([*options, "-m", which, *tests])
            if code != 0:
                break
    failed = r"^(?:FAILED|ERROR) .*?([\w]+\.py(?:::.+?)?)(?: - .*)?$"
    found = re.search(failed, said.getvalue(), re.MULTILINE)
    if code != 0 and found is None:
        raise RuntimeError(f"pytest ended with {code}:\n{said.getvalue()}")
    return f"`{found[1]}`" if found else None


if __name__ == "__main__":
    sys.exit(main())
