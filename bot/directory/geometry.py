"""Distances on the globe."""

from __future__ import annotations

import math

EARTH_RADIUS_KM = 6371.0088
"""Mean radius (IUGG)."""


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """The great-circle distance between two points given in degrees, in kilometres (haversine formula)."""
    north = math.radians(other_latitude - latitude)
    east = math.radians(other_longitude - longitude)
    first, second = math.radians(latitude), math.radians(other_latitude)
    half = math.sin(north / 2) ** 2 + math.cos(first) * math.cos(second) * math.sin(east / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(half)))
