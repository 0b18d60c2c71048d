"""Certificates and kubeconfigs of the test cluster, made by openssl.

Keys are written for this cluster only and end with it. The surprising thing: who someone is to Kubernetes is nothing but the
subject of the certificate: CN is the user, O the group.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from e2e.cluster.layout import NODE, Network, State

DAYS = "365"

CLIENTS: Mapping[str, str] = {
    "admin": "/O=system:masters/CN=lockage-e2e-admin",
    "kube-controller-manager": "/CN=system:kube-controller-manager",
    "kube-scheduler": "/CN=system:kube-scheduler",
    "kube-proxy": "/CN=system:kube-proxy",
    "kubelet": f"/O=system:nodes/CN=system:node:{NODE}",
}
"""Who speaks to the API server, and as whom."""


def write_certificates(state: State, network: Network) -> None:
    """Makes an authority, the API server's certificate, the key of service accounts, and a kubeconfig for each of `CLIENTS`."""
    folder = state.certificates
    folder.mkdir(mode=0o700)
    _certificate(
        folder, "ca", "/CN=lockage-e2e", extensions=["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"]
    )
    addresses = ",".join(f"IP:{address}" for address in (network.node, network.first_service, "127.0.0.1"))
    names = ",".join(f"DNS:kubernetes{suffix}" for suffix in ("", ".default", ".default.svc"))
    serving = [f"subjectAltName={addresses},{names}", "extendedKeyUsage=serverAuth"]
    _certificate(folder, "kube-apiserver", "/CN=kube-apiserver", authority="ca", extensions=serving)
    for client, subject in CLIENTS.items():
        _certificate(folder, client, subject, authority="ca", extensions=["extendedKeyUsage=clientAuth"])
        # Inside, too, the node's address is good, so one form serves all.
        target = state.kubeconfig if client == "admin" else folder / f"{client}.kubeconfig"
        target.write_text(_kubeconfig(folder, client, network))
        target.chmod(0o600)
    _openssl("genpkey", "-quiet", "-algorithm", "RSA", "-out", str(folder / "service-accounts.key"))
    _openssl("pkey", "-in", str(folder / "service-accounts.key"), "-pubout", "-out", str(folder / "service-accounts.pub"))


def _certificate(folder: Path, name: str, subject: str, *, extensions: list[str], authority: str | None = None) -> None:
    command = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", DAYS]
    command += ["-subj", subject, "-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")]
    if authority:
        command += ["-CA", str(folder / f"{authority}.crt"), "-CAkey", str(folder / f"{authority}.key")]
        command += ["-addext", "basicConstraints=critical,CA:FALSE"]
    for extension in extensions:
        command += ["-addext", extension]
    _openssl(*command)


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def _kubeconfig(folder: Path, client: str, network: Network) -> str:
    def data(name: str) -> str:
        return base64.b64encode((folder / name).read_bytes()).decode()

    return json.dumps(  # JSON is YAML
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "lockage-e2e", "cluster": {"server": network.api, "certificate-authority-data": data("ca.crt")}}
            ],
            "users": [
                {
                    "name": client,
                    "user": {
                        "client-certificate-data": data(f"{client}.crt"),
                        "client-key-data": data(f"{client}.key"),
                    },
                }
            ],
            "contexts": [{"name": "lockage-e2e", "context": {"cluster": "lockage-e2e", "user": client}}],
            "current-context": "lockage-e2e",
        },
        indent=2,
    )
