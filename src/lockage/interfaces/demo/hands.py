"""A person's commands on a cluster: what the vendor's guide says to type, typed.

Not for Lockage. The surprising thing: the probe is removed from the live object, because the guide says so, and that the next
``helm upgrade`` puts it back is left out in its favour.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from lockage.interfaces.demo.installation import NAME, Installation


@dataclass(frozen=True, slots=True, kw_only=True)
class KubectlHands:
    """``by_hand.Hands`` with ``helm`` and ``kubectl``."""

    installation: Installation

    def scale(self, replicas: int) -> None:
        """``kubectl scale``."""
        self._kubectl("scale", f"deployment/{NAME}", f"--replicas={replicas}")

    def upgrade(self, release: str) -> None:
        """``helm upgrade``."""
        self.installation.upgrade(release)

    def remove_probe(self) -> None:
        """``kubectl edit``, as a patch."""
        patch = [{"op": "remove", "path": "/spec/template/spec/containers/0/livenessProbe"}]
        self._kubectl("patch", f"deployment/{NAME}", "--type=json", f"--patch={json.dumps(patch)}")

    def _kubectl(self, *words: str) -> None:
        self.installation.cluster.run_kubectl(*words, f"--namespace={self.installation.namespace}")
