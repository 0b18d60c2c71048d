"""The cluster of a demonstration, as a person comes to it: kubeconfig, ``helm`` and ``kubectl``.

Not for the work of Lockage itself, which goes its ordinary way. The surprising thing: no kubeconfig is ever looked for. The
usual one may name production, and the demonstration breaks what it installs.

Codes: LK525 a program is missing · LK529 a command was refused.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lockage.adapters.helm.program import Helm, find_helm, refused
from lockage.adapters.kubernetes.client import open_client
from lockage.adapters.kubernetes.port_forward import Kubectl
from lockage.adapters.postgres import leash
from lockage.errors import RefusedError

COMMAND_LIMIT_S = 60.0
"""For one command of ours: each is answered within a second, or not at all."""

EVERYWHERE = "default"
"""A namespace that every cluster has, to come in by; nothing is made in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """How one comes to it."""

    kubeconfig: Path
    context: str | None  # always said, whatever becomes of the current one meanwhile
    server: str
    helm: Helm
    kubectl: Kubectl

    def run_helm(self, namespace: str, *words: str) -> str:
        """What one ``helm`` command prints. Raises as ``adapters.helm.program.refused``, with LK529."""
        where = [f"--namespace={namespace}", f"--kubeconfig={self.kubeconfig}"]
        context = [f"--kube-context={self.context}"] if self.context else []
        done = self.helm.run([*words, *where, *context], deadline_s=COMMAND_LIMIT_S)
        if done.code != 0:
            raise refused(done, f"helm {words[0]} in namespace {namespace}", code="LK529")
        return done.out

    def run_kubectl(self, *words: str, content: str | None = None) -> str:
        """What one ``kubectl`` command prints, given ``content`` on its standard input. Raises ``RefusedError`` (LK529)."""
        done = subprocess.run(
            self.kubectl.command(*words),
            env=self.kubectl.variables(),
            input=content or "",
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,  # Ctrl-C in the terminal is for us, who take everything down
        )
        if done.returncode != 0:
            raise RefusedError(
                f"kubectl {' '.join(words[:2])}: {' '.join(done.stderr.split()) or f'exit code {done.returncode}'}",
                code="LK529",
                hint=f"kubectl --kubeconfig {self.kubeconfig} auth can-i --list",
            )
        return done.stdout


@contextmanager
def open_cluster(kubeconfig: Path, context: str | None) -> Generator[Cluster]:
    """The cluster that a file and a context of it name.

    Raises ``RefusedError`` (LK525) without kubectl; ``UsageError`` as ``find_helm``; as ``open_client`` when it does not
    answer.
    """
    kubeconfig = kubeconfig.expanduser().absolute()
    helm = find_helm("helm", folder=Path.cwd(), environment=os.environ)
    if shutil.which("kubectl") is None:
        raise RefusedError(
            "kubectl is not installed, and the demo on a cluster types it as a person would",
            code="LK525",
            hint="install kubectl of about the cluster's version, so that it is on the PATH",
        )
    with open_client(kubeconfig=kubeconfig, context=context, namespace=EVERYWHERE) as client:
        kubectl = Kubectl(place=client.place, leash=leash.command(), environment=os.environ)
        yield Cluster(kubeconfig=kubeconfig, context=client.place.context, server=client.server, helm=helm, kubectl=kubectl)
