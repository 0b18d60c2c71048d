"""Kubernetes' probes as ours and back: timings with their defaults filled in, and what they ask in one word.

Not for deciding how long a probe should wait. The surprising thing: ``Probe.path`` of a probe that is no HTTP request is
written as an address: ``tcp://:5432``, ``grpc://:9000/ready``, ``exec:cat /tmp/ready``; only a path begins with a slash.
"""

from __future__ import annotations

import math
import shlex

import msgspec
from lightkube.models import core_v1

from lockage.core.facts import Probe


def probe_of(probe: core_v1.Probe | None) -> Probe | None:
    """Our record of a probe. Source of the defaults: Kubernetes API reference v1.33, core/v1 Probe."""
    if probe is None:
        return None
    return Probe(
        path=_asked(probe),
        initial_delay_s=float(probe.initialDelaySeconds or 0),
        period_s=float(probe.periodSeconds or 10),
        timeout_s=float(probe.timeoutSeconds or 1),
        failure_threshold=probe.failureThreshold or 3,
    )


def _asked(probe: core_v1.Probe) -> str:
    if probe.tcpSocket is not None:
        return f"tcp://{probe.tcpSocket.host or ''}:{probe.tcpSocket.port}"
    if probe.grpc is not None:
        return f"grpc://:{probe.grpc.port}/{probe.grpc.service or ''}"
    if probe.exec is not None:
        return f"exec:{shlex.join(probe.exec.command or [])}"
    return (probe.httpGet.path if probe.httpGet else None) or "/"


def whole_seconds(probe: Probe) -> Probe:
    """The probe as Kubernetes can have it: whole seconds, rounded up, and none below its minimum."""
    return Probe(
        path=probe.path,
        initial_delay_s=float(max(0, math.ceil(probe.initial_delay_s))),
        period_s=float(max(1, math.ceil(probe.period_s))),
        timeout_s=float(max(1, math.ceil(probe.timeout_s))),
        failure_threshold=max(1, probe.failure_threshold),
    )


def timed(likeness: core_v1.Probe, probe: Probe) -> core_v1.Probe:
    """A probe that asks as the likeness does, except for an HTTP path, which is ours, with our timings."""
    wanted = whole_seconds(probe)
    request = likeness.httpGet
    if request is not None and wanted.path.startswith("/"):
        request = msgspec.structs.replace(request, path=wanted.path)
    return msgspec.structs.replace(
        likeness,
        httpGet=request,
        initialDelaySeconds=int(wanted.initial_delay_s),
        periodSeconds=int(wanted.period_s),
        timeoutSeconds=int(wanted.timeout_s),
        failureThreshold=wanted.failure_threshold,
    )


def handler_of(path: str, *, port: int | str, scheme: str | None) -> core_v1.Probe:
    """A probe that asks what ``Probe.path`` says, where nothing says it better; ``port`` and ``scheme`` are for HTTP."""
    kind, _, rest = path.partition(":")
    if path.startswith("/"):
        return core_v1.Probe(httpGet=core_v1.HTTPGetAction(path=path, port=port, scheme=scheme))
    if kind == "exec":
        return core_v1.Probe(exec=core_v1.ExecAction(command=shlex.split(rest)))
    host, _, target = rest.removeprefix("//").rpartition(":")
    number, _, service = target.partition("/")
    if kind == "grpc":
        return core_v1.Probe(grpc=core_v1.GRPCAction(port=int(number), service=service or None))
    return core_v1.Probe(tcpSocket=core_v1.TCPSocketAction(host=host or None, port=int(number) if number.isdigit() else number))
