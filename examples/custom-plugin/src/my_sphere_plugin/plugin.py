"""What the entry point names: light, so that listing plugins stays fast."""

import spin_registry as sr


@sr.hookimpl
def register_models() -> list[sr.ModelEntry]:
    """One network."""
    return [sr.ModelEntry("three_spins", "my_sphere_plugin.nets:ThreeSpins", summary="spins 0-2")]


@sr.hookimpl
def register_datasets() -> list[sr.DatasetEntry]:
    """One dataset."""
    return [sr.DatasetEntry("bumps", "my_sphere_plugin.data:load", summary="count the bumps")]
