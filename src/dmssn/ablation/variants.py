"""Variants of a recipe, each without one idea of the method or with it changed.

``ours`` is the recipe itself; every other is a set of changed keys, and a claim that it tests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from dmssn.config import FitConfig, Recipe
from dmssn.recipes import from_table, to_table

OURS = "ours"
"""What all others are compared with."""
PUBLISHED_EPOCHS = {"teacher": 50, "detector": 100}
PUBLISHED_FACTOR = {"teacher": 0.1, "detector": 0.6}
"""What the published rates fall by every ``PUBLISHED_STEP`` epochs."""
PUBLISHED_STEP = 10
PUBLISHED_RATE = {"teacher": 0.004, "detector": 0.06}
PUBLISHED_DETECTOR = {
    "detector.evidence": False,
    "detector.head": "sum",
    "detector.coarse": 0.0,
}
"""What makes the saliency network that of the published code; its training is another matter."""
DISTILLED = {"detector.reconstruct": 1.0, "detector.distill": 1.0}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A recipe with some keys changed.

    Attributes:
        name: In folders and tables.
        says: What is different, in words.
        changes: Full key, such as ``teacher.spatial``, to its value.
        claim: What the method says of it, a sentence; empty for ``ours``.
        expected: How the variant fares beside ``ours`` if the claim is right.
    """

    name: str
    says: str
    changes: Mapping[str, Any]
    claim: str = ""
    expected: Literal["worse", "better"] = "worse"

    def recipe(self, ours: Recipe) -> Recipe:
        """The recipe with this variant's keys changed."""
        table = to_table(ours)
        for key, value in self.changes.items():
            *path, last = key.split(".")
            within = table
            for name in path:
                within = within[name]
            within[last] = value
        return from_table(Recipe, table)


def variants(ours: Recipe) -> dict[str, Variant]:
    """All variants of a recipe by name, ``ours`` first."""
    homogenized = "Averaging the spectra of a scene's regions helps"
    taught = " and from a teacher" if ours.detector.imitates else ""
    learned = f"A code that is learned with the detector{taught} beats"
    connected = (
        "connected, it teaches better"
        if ours.detector.imitates
        else "a student does better with a teacher that has it connected than with none"
    )
    half = "half the heads, and fewer parameters"
    heads = "The two head groups, spatial and spectral, are worth more together than"
    found = [
        Variant(name=OURS, says="the recipe as it is", changes={}),
        Variant(
            name="published-detector",
            says="the transformer as published: no evidence, its stages summed and not supervised",
            changes=PUBLISHED_DETECTOR,
            claim="This project's own claim: the detector is better than the published one trained "
            "in the same way.",
        ),
        Variant(
            name="no-evidence",
            says="the transformer reads the code alone",
            changes={"detector.evidence": False},
            claim="This project's own claim: what classical detectors measure of the table helps.",
        ),
        Variant(
            name="sum-head",
            says="the stages are summed, as published, and not supervised",
            changes={"detector.head": "sum", "detector.coarse": 0.0},
            claim="This project's own claim: a head that goes down to single pixels helps.",
        ),
        Variant(
            name="no-coarse-loss",
            says="the stages of the transformer are not supervised",
            changes={"detector.coarse": 0.0},
            claim="This project's own claim: deep supervision helps.",
        ),
        Variant(
            name="whole-spectra",
            says="spectra are never cut, brought to fewer bands or changed in tone in training",
            changes={"detector.augment.window": 1.0, "detector.augment.tone": 1.0},
            claim="This project's own claim: random windows of the spectrum, and other tones, help "
            "with cameras that were not trained on.",
        ),
        Variant(
            name="no-homogenization",
            says="every pixel keeps its own spectrum",
            changes={"prepare.homogenize": "none"},
            claim=f"{homogenized}: without it the maps are worse.",
        ),
        Variant(
            name="component-homogenization",
            says="pixels of a component of the mixture share one spectrum, wherever they are",
            changes={"prepare.homogenize": "component"},
            claim="A region is a connected piece of a component: averaging over whole components, "
            "which takes no note of place, is worse.",
        ),
        _distillation(ours),
        Variant(
            name="spatial-teacher",
            says="the student imitates a teacher whose depthwise 3x3 convolutions are connected",
            changes={"teacher.spatial": True, **DISTILLED},
            claim="The teacher was drawn with a branch that looks at neighbouring pixels, which "
            f"the published code leaves dead: {connected}.",
            expected="better",
        ),
        Variant(
            name="spatial-heads",
            says=f"the transformer has the spatial head group alone: {half}",
            changes={"detector.head_groups": "spatial"},
            claim=f"{heads} the spatial one alone.",
        ),
        Variant(
            name="spectral-heads",
            says=f"the transformer has the spectral head group alone: {half}",
            changes={"detector.head_groups": "spectral"},
            claim=f"{heads} the spectral one alone.",
        ),
        Variant(
            name="pca",
            says="principal components of the training scenes in place of the student's code",
            changes={"detector.encoder": "pca"},
            claim=f"{learned} principal components.",
        ),
        Variant(
            name="bands",
            says="evenly spaced bands, as they are, in place of the student's code",
            changes={"detector.encoder": "bands"},
            claim=f"{learned} a choice of bands.",
        ),
        Variant(
            name="published-rates",
            says="the published settings of training for both stages",
            changes=_published(ours),
            claim="This project's own claim: the published settings of training as a whole (rate, "
            "decay, schedule, dropout, no clipping, no average of weights) are a trap, and a "
            "network trained with them is worse than it need be.",
        ),
    ]
    return {variant.name: variant for variant in found}


def _distillation(ours: Recipe) -> Variant:
    """Without a teacher where ``ours`` has one, with one where it has not."""
    claim = "The student learns a better code by imitating a heavy teacher than alone."
    if ours.detector.imitates:
        return Variant(
            name="no-distillation",
            says="the student has no teacher",
            changes={"detector.distill": 0.0},
            claim=claim,
        )
    return Variant(
        name="distillation",
        says="the student reconstructs spectra, and imitates a teacher",
        changes=DISTILLED,
        claim=claim,
        expected="better",
    )


def _published(ours: Recipe) -> dict[str, Any]:
    """The published settings of training, for our number of epochs and scenes a step.

    The rate falls as often as in the published number of epochs, though at most once an epoch.
    """
    changes: dict[str, Any] = {}
    fits: dict[str, FitConfig] = {"teacher": ours.teacher.fit, "detector": ours.detector.fit}
    for stage, fit in fits.items():
        step = round(fit.epochs * PUBLISHED_STEP / PUBLISHED_EPOCHS[stage])
        values = {
            "optimizer": "adamw",
            "learning_rate": PUBLISHED_RATE[stage],
            "weight_decay": 0.5,
            "schedule": "step",
            "step_epochs": max(1, step),
            "step_factor": PUBLISHED_FACTOR[stage],
            "clip": 0.0,
            "ema": 0.0,
        }
        changes |= {f"{stage}.fit.{key}": value for key, value in values.items()}
    rates = ("dropout", "attention_dropout", "drop_path")
    return changes | {f"detector.{rate}": 0.3 for rate in rates}


def teacher_owner(recipe: Recipe, ours: Recipe) -> str:
    """Name of the first variant whose teacher is trained as this recipe's is."""
    wanted = (recipe.prepare, recipe.teacher)
    return next(
        name
        for name, variant in variants(ours).items()
        if (variant.recipe(ours).prepare, variant.recipe(ours).teacher) == wanted
    )


def seeded(recipe: Recipe, seed: int, scenes: Path, prepared: Path) -> Recipe:
    """The recipe with the seed of both stages, and where its scenes are."""
    teacher, detector = recipe.teacher, recipe.detector
    return replace(
        recipe,
        data=replace(recipe.data, scenes=scenes, prepared=prepared),
        teacher=replace(teacher, fit=replace(teacher.fit, seed=seed)),
        detector=replace(detector, fit=replace(detector.fit, seed=seed)),
    )
