"""The demonstration: a real application on a real PostgreSQL under real traffic, upgraded twice."""
