"""Registers this package's grids with `spin_registry`.

Only `spin_registry` imports this module, through its entry point. The transforms work without it.
"""

import spin_registry as sr

_SUMMARIES = {
    "DriscollHealyGrid": "2L x 2L, north pole included; exact below L",
    "EquiangularGrid": "n x n, both poles included; exact below n/2",
    "FejerGrid": "n x n at cell centres; exact below n/2",
    "GaussLegendreGrid": "L rings at Gauss-Legendre nodes; exact below L",
    "HealpixGrid": "12 nside^2 pixels of equal area, in ring order; approximate",
    "LatLonGrid": "any number of latitudes and longitudes, with poles or at cell centres",
    "McEwenWiauxGrid": "L x (2L-1), the fewest equiangular samples; exact below L",
}


@sr.hookimpl
def register_grids() -> list[sr.GridEntry]:
    """Returns one entry per grid class of this package, named like the class."""
    return [
        sr.GridEntry(name, f"sphere_transforms:{name}", summary=summary)
        for name, summary in _SUMMARIES.items()
    ]
