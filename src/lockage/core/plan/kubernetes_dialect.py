"""What a person types at a cluster for each step: ``kubectl`` and ``helm`` command lines with this deployment's names.

Not for carrying out: Lockage's own adapters talk to the API, and render before they release. The surprising thing: a release by
Helm is one command that carries our values *after* the user's own, and yet a user's ``--set-string`` beats our ``--set``,
because Helm merges by kind; so the runbook shows what would come out before it is done.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lockage.core.facts import Workload
from lockage.core.plan.dialect import Command, Commands, Line, Wish
from lockage.core.redaction import MASK, mask_secrets
from lockage.core.release.chart_values import Overlay, Scalar, chart_version, overlay, probe_numbers, shape_of, values_file
from lockage.core.release.profile import HelmProfile

NOTE = "lockage.dev/runbook"
"""Annotation for a person's own note; Lockage's own have other names, and it takes no notice of this one."""

VALUE_FLAGS = ("-f", "--values", "--set", "--set-string", "--set-json", "--set-file", "--set-literal")
"""Flags of Helm that bring values: with any of them the values of the last release are forgotten.

Source: ``helm upgrade --help`` 3.22, ``--reuse-values`` and ``--reset-then-reuse-values``."""

REUSING_FLAGS = ("--reuse-values", "--reset-then-reuse-values", "--reset-values")

KEDA = "ScaledObject/"
PAUSED = "autoscaling.keda.sh/paused-replicas"
"""Source: KEDA 2.17, "Scaling Deployments", pause autoscaling."""

PROBLEMS = ("Killing", "Unhealthy", "BackOff", "Failed", "FailedScheduling", "FailedCreate", "OOMKilling")
"""Reasons of events that explain why a pod does not come up. Killing is of type Normal, so no filter on Warning."""

TELLING = "(replicas|image|Replicas|DelaySeconds|periodSeconds|timeoutSeconds|failureThreshold): |nessProbe:"
"""Lines of a manifest that say number, image and probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HelmWay:
    """How the deployment is released by Helm."""

    release: str  # Helm's name of it
    chart: str  # with ``{release}`` for the release gone to, as ``version``
    version: str | None = None  # None: none is asked for (a folder or an archive has its own)
    arguments: tuple[str, ...] = ()  # the user's own; what looks like a secret is masked here once more
    program: str = "helm"
    profile: HelmProfile | None = None  # None: which values the chart takes is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesDialect:
    """One Deployment's commands."""

    workload: Workload
    namespace: str
    selector: Mapping[str, str]  # labels of its pods
    container: str
    context: str | None = None
    kubeconfig: str | None = None
    helm: HelmWay | None = None  # None: the object is patched

    @property
    def title(self) -> str:
        """Kubernetes, with namespace and context."""
        where = f"namespace {self.namespace}" + (f", context {self.context}" if self.context else "")
        return f"Kubernetes ({where})"

    # --- looking ------------------------------------------------------------------------------------------------------

    def settings(self, url_variable: str) -> tuple[Line, ...]:
        """The database's address as the container itself has it; no secret is printed."""
        asked = shlex.join(self._kubectl("exec", self._deployment, "-c", self.container, "--", "printenv", url_variable))
        return (f'export {url_variable}="$({asked})"',)

    def look(self, deployment: str) -> Commands:
        """The objects, and how far the newest rollout is."""
        del deployment
        return (
            self._kubectl("get", self._deployment, "-o", "wide"),
            self._kubectl("get", "replicasets,pods", "-l", self._pods, "-o", "wide"),
            self._kubectl("rollout", "status", self._deployment, "--watch=false"),
        )

    def await_left(self, deployment: str, replicas: int, *, limit_s: float) -> Commands:
        """At none left, terminating pods included; at one, as far as the Deployment counts, which leaves those out."""
        del deployment
        limit = f"--timeout={limit_s:.0f}s"
        if replicas == 0:
            return (self._kubectl("wait", "pod", "-l", self._pods, "--for=delete", limit),)
        counted = f"--for=jsonpath={{.status.replicas}}={replicas}"
        return (self._kubectl("wait", self._deployment, counted, limit),)

    def await_ready(self, deployment: str, *, limit_s: float) -> Commands:
        """The rollout is complete."""
        del deployment
        return (self._kubectl("rollout", "status", self._deployment, f"--timeout={limit_s:.0f}s"),)

    def evidence(self, deployment: str) -> tuple[Line, ...]:
        """Events of the pods (they are not on the Deployment), and whole logs, those before the last restart too."""
        del deployment
        name = self.workload.name
        columns = "WHEN:.lastTimestamp,REASON:.reason,OBJECT:.involvedObject.name,MESSAGE:.message"
        events = self._kubectl("get", "events", "--sort-by=.lastTimestamp", "-o", f"custom-columns={columns}")
        reasons = "|".join(PROBLEMS)
        # A pod that has no log yet, or none before a restart, must not hide those of the others.
        logs = (
            "logs",
            "-l",
            self._pods,
            "-c",
            self.container,
            "--tail=-1",
            "--prefix",
            "--max-log-requests=50",
            "--ignore-errors",
        )
        return (
            f"{shlex.join(events)} | grep -E {shlex.quote(f' ({reasons}) +{name}-')}",
            shlex.join(self._kubectl(*logs)),
            shlex.join(self._kubectl(*logs, "--previous")),
        )

    # --- changing -----------------------------------------------------------------------------------------------------

    def scale(self, deployment: str, replicas: int) -> Command:
        """A number of replicas; the next ``helm upgrade`` brings its own number."""
        del deployment
        return self._kubectl("scale", self._deployment, f"--replicas={replicas}")

    def roll_out(self, deployment: str, wish: Wish) -> Command:
        """One ``helm upgrade``, or one ``kubectl patch``, with release, number and probe together."""
        del deployment
        if self.helm is not None:
            return self._helm_upgrade(self.helm, wish)
        return self._kubectl("patch", self._deployment, "--type=strategic", "-p", json.dumps(self._patch(wish)))

    def rehearse(self, deployment: str, wish: Wish) -> tuple[Line, ...]:
        """What would come out of the rollout, asked of the API server; only the lines that matter."""
        asked = (*self.roll_out(deployment, wish), "--dry-run=server")
        if self.helm is None:
            asked = (*asked, "-o", "yaml")
        return (f"{shlex.join(asked)} | grep -E {shlex.quote(TELLING)}",)

    def fragment(self, wish: Wish) -> str | None:
        """The same as values of the chart; None without one."""
        if self.helm is None:
            return None
        values = self._overlay(self.helm, wish).values
        return values_file(values) if values else None

    def caveats(self, wish: Wish) -> tuple[str, ...]:
        """Which parts of the wish no value of the chart can say, and whether secrets are hidden in the command."""
        return tuple(self._caveats(wish))

    def pin(self, autoscalers: Sequence[str], replicas: int) -> Commands:
        """Minimum and maximum of each HorizontalPodAutoscaler alike; KEDA's own annotation on a ScaledObject."""
        shown = tuple(self._kubectl("get", _object(autoscaler)) for autoscaler in autoscalers)
        return (*shown, *(self._pinned(autoscaler, replicas) for autoscaler in autoscalers))

    def unpin(self, autoscalers: Sequence[str]) -> Commands:
        """Minimum and maximum as they were; KEDA's annotation taken away."""
        return tuple(self._unpinned(autoscaler) for autoscaler in autoscalers)

    def mark_failed(self, revision: int) -> tuple[Line, ...]:
        """Helm's record unpacked, changed as a helm that ends would have changed it, packed and put back; nothing without Helm.

        Helm reads the status in the record and finds it by the label. Source: helm 3.22.0 and 4.3.1, ``pkg/storage/driver``.
        """
        if self.helm is None:
            return ()
        secret = f"secret/sh.helm.release.v1.{self.helm.release}.v{revision}"
        unpack = "base64 -d | base64 -d | gunzip | jq -c '.info.status = \"failed\"'"
        pack = "gzip | base64 | tr -d '\\n' | base64 | tr -d '\\n'"
        patch = """jq -R '{metadata: {labels: {status: "failed"}}, data: {release: .}}'"""
        return (
            f"{shlex.join(self._kubectl('get', secret, '-o', 'jsonpath={.data.release}'))} | {unpack} \\",
            f"  | {pack} | {patch} \\",
            f"  | {shlex.join(self._kubectl('patch', secret, '--type=merge', '--patch-file=/dev/stdin'))}",
        )

    def note(self, deployment: str, text: str) -> Command | None:
        """A note on the Deployment's own metadata, which starts no rollout."""
        del deployment
        return self._kubectl("annotate", self._deployment, f"{NOTE}={text}", "--overwrite")

    def forget(self, deployment: str) -> Command | None:
        """Takes the note away."""
        del deployment
        return self._kubectl("annotate", self._deployment, f"{NOTE}-")

    # --- parts --------------------------------------------------------------------------------------------------------

    @property
    def _deployment(self) -> str:
        return f"deployment/{self.workload.name}"

    @property
    def _pods(self) -> str:
        return ",".join(f"{key}={value}" for key, value in sorted(self.selector.items()))

    def _kubectl(self, *words: str) -> Command:
        return ("kubectl", *self._where("--context"), *words)

    def _where(self, context_flag: str) -> Command:
        kubeconfig = ("--kubeconfig", self.kubeconfig) if self.kubeconfig else ()
        context = (context_flag, self.context) if self.context else ()
        return (*kubeconfig, *context, "-n", self.namespace)

    def _helm_upgrade(self, helm: HelmWay, wish: Wish) -> Command:
        version = _version(helm, wish.release)
        return (
            helm.program, "upgrade", helm.release, helm.chart.replace("{release}", wish.release),
            *self._where("--kube-context"),
            *(("--version", version) if version else ()),
            *_reusing(helm.arguments),
            *map(mask_secrets, helm.arguments),
            *_set(self._overlay(helm, wish).values),
        )  # fmt: skip

    def _overlay(self, helm: HelmWay, wish: Wish) -> Overlay:
        shape = None
        if helm.profile is not None:
            shape = shape_of(helm.profile, _version(helm, wish.release) or chart_version(helm.profile, wish.release))
        asked = overlay(shape, release=wish.release, replicas=wish.replicas, liveness=wish.liveness)
        # Everything that the chart takes is said, and what it does not take matters only where it is not so already.
        now = self.workload.liveness
        held = overlay(shape, release=wish.release, replicas=wish.replicas, liveness=wish.liveness, chart_has=now)
        return Overlay(values=asked.values, beyond=held.beyond)

    def _patch(self, wish: Wish) -> dict[str, object]:
        # A strategic patch merges into the probe, so its action stays.
        probe = None if wish.liveness is None else probe_numbers(wish.liveness)
        image = image_of(self.workload, wish.release)
        container = {"name": self.container, "image": image, "livenessProbe": probe}
        return {"spec": {"replicas": wish.replicas, "template": {"spec": {"containers": [container]}}}}

    def _caveats(self, wish: Wish) -> Iterator[str]:
        if self.helm is None:
            return
        beyond = self._overlay(self.helm, wish).beyond
        if beyond:
            yield (
                f"no value of the chart that Lockage knows says {', '.join(beyond)}: bring it in by a post-renderer, in this"
                " very upgrade, and see before it that it comes out"
            )
        if any(MASK in mask_secrets(argument) for argument in self.helm.arguments):
            yield f"{MASK} stands for what may be a secret in your own arguments"

    def _pinned(self, autoscaler: str, replicas: int) -> Command:
        if autoscaler.startswith(KEDA):
            return self._kubectl("annotate", _object(autoscaler), f"{PAUSED}={replicas}", "--overwrite")
        limits = json.dumps({"spec": {"minReplicas": replicas, "maxReplicas": replicas}})
        return self._kubectl("patch", _object(autoscaler), "--type=merge", "-p", limits)

    def _unpinned(self, autoscaler: str) -> Command:
        if autoscaler.startswith(KEDA):
            return self._kubectl("annotate", _object(autoscaler), f"{PAUSED}-")
        limits = '{"spec": {"minReplicas": MINIMUM, "maxReplicas": MAXIMUM}}'
        return self._kubectl("patch", _object(autoscaler), "--type=merge", "-p", limits)


def _object(named: str) -> str:
    """A contender's object as kubectl takes it."""
    kind, _, name = named.partition("/")
    return f"{kind.lower()}/{name}"


def image_of(workload: Workload, release: str) -> str:
    """The workload's image with the release gone to in its tag; a digest is let go, because it would win."""
    image = workload.image.partition("@")[0]
    head, colon, tag = image.rpartition(":")
    if not colon or "/" in tag or workload.release not in tag:
        return f"{image if not colon or '/' in tag else head}:{release}"
    return f"{head}:{tag.replace(workload.release, release, 1)}"


def _version(helm: HelmWay, release: str) -> str | None:
    """The version of the chart that is asked for by name."""
    if helm.profile is not None and helm.version == helm.profile.chart_version:
        return chart_version(helm.profile, release)  # some charts have numbers of their own
    return helm.version.replace("{release}", release) if helm.version else None


def _reusing(arguments: Sequence[str]) -> Command:
    flags = {argument.partition("=")[0] for argument in arguments}
    # Without values of the user's, ours would be the only ones: the last release's must be asked for.
    return () if flags & {*VALUE_FLAGS, *REUSING_FLAGS} else ("--reset-then-reuse-values",)


def _set(values: Mapping[str, Scalar]) -> Command:
    return tuple(word for path, value in values.items() for word in _set_one(path, value))


def _set_one(path: str, value: Scalar) -> Command:
    match value:
        case str():
            return ("--set-string", f"{path}={value.replace(',', chr(92) + ',')}")
        case None:
            return ("--set", f"{path}=null")
        case bool():
            return ("--set", f"{path}={'true' if value else 'false'}")
        case int() | float():
            return ("--set", f"{path}={value}")
