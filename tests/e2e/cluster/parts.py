"""The parts of the test cluster: the command line and the configuration files of each.

Decides, and starts nothing (``init`` does). The surprising thing: ports are fixed, since the cluster has a network of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.layout import API_PORT, CGROUP, NODE, Network, State

PAUSE_IMAGE = "lockage.dev/pause:1"

ETCD_URL = "http://127.0.0.1:2379"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One program that runs as long as the cluster does."""

    name: str
    command: list[str]
    after: Path | tuple[str, int] | None = None
    """A socket that must answer before it makes sense to start; a part that is too early ends, and costs a second."""


def write_configuration(state: State, network: Network) -> None:
    """Writes every file that a part reads and that is no certificate."""
    (state.folder / "cni").mkdir()
    (state.folder / "cni" / "10-bridge.conflist").write_text(_cni(network))
    (state.folder / "registries").mkdir()
    (state.folder / "containerd.toml").write_text(_containerd(state))
    (state.folder / "kubelet.json").write_text(_kubelet(state, network))
    # Pods with dnsPolicy Default get this: there is no DNS, and a name fails at once instead of after 5 s.
    (state.folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")


def parts(state: State, network: Network) -> tuple[Part, ...]:
    """Gives every part in the order of its start; each waits by itself for what it needs."""
    pki = state.certificates
    api = (network.node, API_PORT)
    return (
        Part(
            name="etcd",
            command=[
                "etcd",
                f"--name={NODE}",
                f"--data-dir={state.folder / 'etcd'}",
                f"--listen-client-urls={ETCD_URL}",
                f"--advertise-client-urls={ETCD_URL}",
                "--listen-peer-urls=http://127.0.0.1:2380",
                "--unsafe-no-fsync",  # nothing here is to outlive the machine
                "--log-level=warn",
            ],
        ),
        Part(name="containerd", command=["containerd", f"--config={state.folder / 'containerd.toml'}", "--log-level=warn"]),
        Part(name="kube-apiserver", command=_apiserver(pki, network), after=("127.0.0.1", 2379)),
        Part(
            name="kube-controller-manager",
            command=[
                "kube-controller-manager",
                f"--kubeconfig={pki / 'kube-controller-manager.kubeconfig'}",
                f"--service-account-private-key-file={pki / 'service-accounts.key'}",
                f"--root-ca-file={pki / 'ca.crt'}",
                f"--cluster-cidr={network.pods}",
                "--use-service-account-credentials",
                "--leader-elect=false",
                "--horizontal-pod-autoscaler-sync-period=2s",  # by default 15 s, which tests would wait for
            ],
            after=api,
        ),
        Part(
            name="kube-scheduler",
            command=["kube-scheduler", f"--kubeconfig={pki / 'kube-scheduler.kubeconfig'}", "--leader-elect=false"],
            after=api,
        ),
        Part(
            name="kubelet",
            command=[
                "kubelet",
                f"--config={state.folder / 'kubelet.json'}",
                f"--kubeconfig={pki / 'kubelet.kubeconfig'}",
                f"--root-dir={state.folder / 'kubelet'}",
                f"--cert-dir={state.folder / 'kubelet-pki'}",
                f"--hostname-override={NODE}",
                f"--node-ip={network.node}",
            ],
            after=state.containerd_socket,
        ),
        Part(
            name="kube-proxy",
            command=[
                "kube-proxy",
                f"--kubeconfig={pki / 'kube-proxy.kubeconfig'}",
                "--proxy-mode=iptables",
                f"--cluster-cidr={network.pods}",
                f"--hostname-override={NODE}",
                # These would be set for the whole machine, or may not be set from here.
                "--conntrack-max-per-core=0",
                "--conntrack-tcp-timeout-established=0",
                "--conntrack-tcp-timeout-close-wait=0",
                "--oom-score-adj=0",
            ],
            after=api,
        ),
    )


def _apiserver(pki: Path, network: Network) -> list[str]:
    return [
        "kube-apiserver",
        f"--etcd-servers={ETCD_URL}",
        f"--advertise-address={network.node}",
        f"--secure-port={API_PORT}",
        f"--service-cluster-ip-range={network.services}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'kube-apiserver.crt'}",
        f"--tls-private-key-file={pki / 'kube-apiserver.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki / 'service-accounts.pub'}",
        f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
        f"--kubelet-client-certificate={pki / 'admin.crt'}",
        f"--kubelet-client-key={pki / 'admin.key'}",
        # Without this, logs and exec try to resolve the node's name.
        "--kubelet-preferred-address-types=InternalIP",
    ]


def _kubelet(state: State, network: Network) -> str:
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": network.node,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(state.certificates / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "containerRuntimeEndpoint": f"unix://{state.containerd_socket}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{CGROUP}",  # one tree, which is removed as a whole
            "failSwapOn": False,
            "failCgroupV1": False,
            "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "imageGCHighThresholdPercent": 100,  # images cannot be pulled again
            "oomScoreAdj": 0,  # a negative one needs CAP_SYS_RESOURCE
            "podLogsDir": str(state.folder / "pod-logs"),
            "resolvConf": str(state.folder / "resolv.conf"),
            "serializeImagePulls": False,
            "volumePluginDir": str(state.folder / "kubelet-plugins"),
        },
        indent=2,
    )


def _cni(network: Network) -> str:
    return json.dumps(
        {
            "cniVersion": "0.4.0",
            "name": "lockage-e2e",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": "pods",
                    "isGateway": True,
                    "ipMasq": False,  # PostgreSQL on the host is to see the pod's own address
                    "hairpinMode": True,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": "/run/cni-ipam",  # memory that the cluster alone sees
                        "ranges": [[{"subnet": network.pods}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                },
                # No portmap: no pod here wants a port of the node, and it runs iptables for each that comes or goes.
            ],
        },
        indent=2,
    )


def _containerd(state: State) -> str:
    cri = '[plugins."io.containerd.grpc.v1.cri"'
    return f"""\
version = 2
root = "{state.folder / "containerd"}"
state = "/run/containerd-state"
disabled_plugins = [
    "io.containerd.internal.v1.opt", # would make /opt/containerd
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.zfs",
]

[grpc]
address = "{state.containerd_socket}"

{cri}]
sandbox_image = "{PAUSE_IMAGE}"
# Where CAP_SYS_RESOURCE is denied a negative score cannot be set: runc says "can't get final child's PID from pipe: EOF".
restrict_oom_score_adj = true
disable_apparmor = true # would leave a profile in the kernel

{cri}.cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{state.folder / "cni"}"

{cri}.registry]
config_path = "{state.folder / "registries"}"

{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

{cri}.containerd.runtimes.runc.options]
SystemdCgroup = false
"""
