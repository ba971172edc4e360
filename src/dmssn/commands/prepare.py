"""dmssn prepare recipes/smoke.toml.

Run again after an interruption, it goes on with the scenes that are missing.
"""

from pathlib import Path


def main(recipe: Path, *, jobs: int = 1) -> int:
    """Homogenize the scenes of a recipe for training.

    Args:
        recipe: TOML recipe: its data.scenes are read, its data.prepared is written.
        jobs: Processes that prepare scenes side by side.
    """
    from dmssn.config import Recipe, SettingError, read_recipe
    from dmssn.preparing_sets import prepare_set

    settings = read_recipe(Recipe, recipe)
    if jobs < 1:
        raise SettingError(f"--jobs must be at least 1, got {jobs}")
    manifest = prepare_set(settings.data.scenes, settings.data.prepared, settings.prepare, jobs)
    counts = ", ".join(f"{len(names)} {split}" for split, names in manifest.splits.items())
    print(f"{settings.data.prepared}: {counts}, {manifest.bands} bands")
    return 0
