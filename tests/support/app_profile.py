"""A profile of no application in particular, with an advisory lock whose key is negative: both halves matter."""

from __future__ import annotations

import msgspec

from lockage.core.release.profile import Profile

PROFILE = msgspec.convert(
    {
        "schema": "lockage.profile/1",
        "name": "app",
        "title": "App",
        "workload": {"image": "app", "application_name": "app/{replica}"},
        "version": {},
        "database": {"url_env": "URL"},
        "migrations": {
            "format": "golang-migrate",
            "source": "nowhere",
            "transaction": "whole",
            "ledger": "public.schema_migrations",
            "advisory_lock": -(2**62) - 12345,
            "releases": {"1.0.0": 12},
        },
    },
    type=Profile,
)
