"""The local platform: replicas as processes under a small supervisor. ``platform`` is the port, ``deployment`` begins it."""
