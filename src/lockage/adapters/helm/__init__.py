"""Helm behind the ``Releaser`` port: a release is upgraded by the user's own ``helm``, 3 or 4, once and without waiting."""
