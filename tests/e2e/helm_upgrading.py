"""A process of its own that upgrades a release, to be killed meanwhile; arguments: kubeconfig, namespace, helm and chart.

The kubeconfig is Lockage's, with no more rights than it needs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import lightkube
from lightkube.config.kubeconfig import KubeConfig

from e2e.helm_scene import HelmScene
from lockage.ports import Rollout


def main() -> None:
    kubeconfig, namespace, helm, chart = sys.argv[1:]
    with lightkube.Client(config=KubeConfig.from_file(kubeconfig), namespace=namespace) as kube:
        confined = Path(kubeconfig)
        scene = HelmScene(kube=kube, helm=Path(helm), kubeconfig=confined, charts=chart, folder=Path.cwd(), through=confined)
        scene.releaser(deadline_s=50.0).release(Rollout(release="2.26.6", replicas=1, liveness=None))


if __name__ == "__main__":
    main()
