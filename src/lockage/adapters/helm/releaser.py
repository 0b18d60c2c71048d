"""A release of Helm as what makes revisions of a workload: one ``helm upgrade`` a rollout, rendered and looked at first.

Not for waiting, and never for going back: Lockage watches by itself, and old pods over a new schema help nobody. The surprising
thing: the number of replicas belongs to Helm only where the chart says one. Where an autoscaler has it, Helm leaves it as it
is, and it is set on the workload after the upgrade.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from lightkube import Client
from lightkube.resources.apps_v1 import Deployment

from lockage.adapters.helm import stuck
from lockage.adapters.helm.admission import admission, deployment_object
from lockage.adapters.helm.arguments import UserArguments, read_arguments, shown
from lockage.adapters.helm.attempt import Attempt, described, hooked, result_text, told_release
from lockage.adapters.helm.changes import changes, same
from lockage.adapters.helm.charts import Charts, is_here, is_tagged
from lockage.adapters.helm.manifest import (
    Asked,
    Object,
    container,
    deployment,
    image_release,
    mismatches,
    probe_of,
    says_replicas,
)
from lockage.adapters.helm.private_folder import private_folder
from lockage.adapters.helm.program import Helm, find_helm, refused
from lockage.adapters.helm.rendering import Line, Ours, settled
from lockage.adapters.helm.revisions import (
    Release,
    Revision,
    description,
    standing,
    users_values,
)
from lockage.core.facts import Check
from lockage.core.release.chart_values import chart_version
from lockage.core.release.profile import HelmProfile, Profile
from lockage.core.run import FORMER_NOTE, FormerNote
from lockage.errors import LockageError, RefusedError, UnreachableError, UsageError
from lockage.ports import Rollout

DEADLINE_S = 20.0
"""For one rollout with all its looks, which takes a second or two. The leash's grace included, it is shorter than the lease."""

RELEASE_ANNOTATION = "meta.helm.sh/release-name"
"""Written by Helm on everything that it installs."""

SHOWN_CHANGES = 12


class HelmReleaser:
    """Makes revisions of one workload by upgrading its Helm release."""

    def __init__(
        self,
        *,
        client: Client,
        profile: Profile,
        workload: str,
        namespace: str,
        chart: str,
        release: str | None = None,
        version: str | None = None,
        arguments: Sequence[str] = (),
        program: str = "helm",
        kubeconfig: str | None = None,
        context: str | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        deadline_s: float = DEADLINE_S,
        log: Callable[[str], None] = lambda _line: None,
    ) -> None:
        """Nothing is run or asked yet.

        ``client`` is for the same server and identity as ``kubeconfig`` and ``context`` (both None: what ``helm`` finds by
        itself, in a pod its service account). ``workload`` is the Deployment's name. ``chart`` and ``version`` may hold
        ``{release}``; ``release`` None: as the Deployment's own annotation says. ``folder`` is where relative paths in
        ``chart`` and ``arguments`` begin: that of the ``lockage.toml`` (None: the current one). ``log`` gets a line for each
        thing that ``helm`` said.
        """
        self._client = client
        self._profile = profile
        self._workload = workload
        self._namespace = namespace
        self._chart = chart
        self._named_release = release
        self._version = version
        self._arguments = tuple(arguments)
        self._program = program
        self._kubeconfig = kubeconfig
        self._context = context
        self._folder = folder or Path.cwd()
        self._environment = dict(os.environ if environment is None else environment)
        self._deadline_s = deadline_s
        self._log = log
        self._found: Helm | None = None
        self._release: Release | None = None
        self._charts = Charts()
        self._guesses: dict[
            tuple[int, Asked], Ours
        ] = {}  # what it took when it was checked, by revision; in an outage it saves a look

    # --- the port ------------------------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        """``Helm 3.22.0, release coder``; without a version while ``helm`` has not been found."""
        helm = self._found.title if self._found else "Helm"
        name = self._release.name if self._release else self._named_release
        return f"{helm}, release {name}" if name else helm

    def check(self, rollout: Rollout) -> tuple[Check, ...]:
        """See ``ports.Releaser``. Raises ``UnreachableError``; everything else that is wrong is a check."""
        try:
            release = self._known()
            history = release.history()
            found = [Check(name="helm", ok=True, text=told_release(self.title, standing(history)))]
            if history[-1].pending:
                return (*found, self._pending_check(release, history[-1]))
            with self._attempt(rollout, release, history) as attempt:
                return (*found, *self._checks(attempt, rollout))
        except UnreachableError:
            raise
        except LockageError as error:
            return (Check(name="helm", ok=False, text=error.message, hint=error.hint),)

    def image(self, rollout: Rollout) -> str | None:
        """The image in what the chart renders; None where it renders nothing that fits, which ``check`` names."""
        try:
            release = self._known()
            with self._attempt(rollout, release, release.history()) as attempt:
                made = deployment(attempt.rendered.objects, self._workload)
                return str(container(made, self._profile.workload).get("image"))
        except UnreachableError:
            raise
        except LockageError:
            return None

    def release(self, rollout: Rollout) -> None:
        """See ``ports.Releaser``. To be asked by the holder of the lease. Raises ``RefusedError``, ``UnreachableError``."""
        release = self._known()
        # Looks included: who makes a revision after the lease has run out may not be the only one.
        release = replace(release, helm=replace(release.helm, until=time.monotonic() + self._deadline_s))
        history = release.history()
        if history[-1].pending:
            self._cure(release, history[-1])
            history = release.history()
        with self._attempt(rollout, release, history) as attempt:
            if attempt.rendered.hooks:
                raise hooked(attempt.rendered)
            if not self._stands(attempt):
                self._upgrade(attempt, rollout)
            if not says_replicas(attempt.rendered.objects, self._workload):
                self._scale(rollout.replicas)

    # --- looking -------------------------------------------------------------------------------------------------------

    def _known(self) -> Release:
        """The release, and the program that knows it."""
        if self._release is None:
            self._found = self._found or find_helm(self._program, folder=self._folder, environment=self._environment)
            name = self._named_release or self._annotated_release()
            self._release = Release(helm=self._found, name=name, where=tuple(self._where()))
        return self._release

    def _where(self) -> Iterator[str]:
        yield f"--namespace={self._namespace}"
        if self._kubeconfig is not None:
            yield f"--kubeconfig={Path(self._kubeconfig).absolute()}"  # helm runs in another folder
        if self._context is not None:
            yield f"--kube-context={self._context}"

    def _annotated_release(self) -> str:
        name = _annotations(self._live()).get(RELEASE_ANNOTATION)
        if name is None:
            raise RefusedError(
                f"Deployment/{self._workload} does not say which Helm release it belongs to",
                code="LK518",
                hint="name it: helm.release; or leave the table helm out where Helm did not install it",
            )
        return name

    def _live(self) -> Object:
        return deployment_object(self._client.get(Deployment, self._workload, namespace=self._namespace))

    @contextmanager
    def _attempt(self, rollout: Rollout, release: Release, history: Sequence[Revision]) -> Generator[Attempt]:
        """The rollout, rendered as asked for. Raises ``RefusedError``."""
        user = read_arguments(self._arguments, namespace=self._namespace, context=self._context, kubeconfig=self._kubeconfig)
        live, base = self._live(), standing(history)
        asked = self._asked(rollout, live)
        values = {} if user.reset_values else users_values(release.values(base.number), base)
        with private_folder() as folder:
            line = self._line(rollout, release, user, values, folder)
            guess = self._guesses.get((base.number, asked))
            rendered = settled(line, asked, profile=self._profile.workload, helm=self._helm_profile, guess=guess)
            self._guesses[base.number, asked] = rendered.ours
            yield Attempt(
                release=release,
                history=tuple(history),
                line=line,
                asked=asked,
                values=values,
                rendered=rendered,
                live=live,
            )

    @property
    def _helm_profile(self) -> HelmProfile:
        return self._profile.helm or HelmProfile(chart=self._profile.name)

    def _line(
        self, rollout: Rollout, release: Release, user: UserArguments, values: Mapping[str, object], folder: Path
    ) -> Line:
        file = folder / "values.json" if values else None
        if file is not None:
            file.write_bytes(msgspec.json.encode(values))
        chart = self._chart.replace("{release}", rollout.release)
        version = self._chart_version(rollout.release, user)
        if user.fetched or not is_here(chart, self._folder):
            chart = self._charts.archive(release.helm, chart, version, user)
            user = replace(user, passed=tuple(word for word in user.passed if word not in user.fetching))
        return Line(
            helm=release.helm,
            release=release.name,
            where=release.where,
            chart=chart,
            user=user,
            values_file=file,
            folder=folder,
        )

    def _chart_version(self, release: str, user: UserArguments) -> str | None:
        if user.version is not None and self._version is not None and user.version != self._version:
            raise UsageError(
                f"helm.arguments says --version {user.version}, and helm.version says {self._version}",
                code="LK514",
                hint="say it once: helm.version",
            )
        said = user.version or self._version
        if said is not None:
            return said.replace("{release}", release)
        return None if is_tagged(self._chart) else chart_version(self._helm_profile, release)

    def _asked(self, rollout: Rollout, live: Object) -> Asked:
        one = container(live, self._profile.workload)
        former = _former(live)
        before = (former.replicas, former.liveness) if former else (live["spec"].get("replicas"), probe_of(one))
        migrating = (rollout.replicas, _numbers(rollout.liveness)) != (before[0], _numbers(before[1]))
        # With neither to put back there is no second rollout, and whoever pinned the autoscalers frees them as well.
        arriving = former is not None and former.autoscalers and image_release(str(one.get("image"))) != rollout.release
        return Asked(
            workload=self._workload,
            release=rollout.release,
            replicas=rollout.replicas,
            liveness=rollout.liveness,
            pinned=migrating or bool(arriving),
        )

    # --- checks --------------------------------------------------------------------------------------------------------

    def _checks(self, attempt: Attempt, rollout: Rollout) -> Iterator[Check]:
        rendered = attempt.rendered
        yield Check(name="chart", ok=True, text=result_text(attempt, rollout))
        if rendered.hooks:
            error = hooked(rendered)
            yield Check(name="hooks", ok=False, text=error.message, hint=error.hint)
        base = standing(attempt.history)
        lines = changes(attempt.release.objects(base.number), rendered.objects)
        more = f"; and {len(lines) - SHOWN_CHANGES} more" if len(lines) > SHOWN_CHANGES else ""
        text = "; ".join(lines[:SHOWN_CHANGES]) + more if lines else "nothing"
        yield Check(name="changes", ok=True, text=f"against revision {base.number}: {text}")
        yield from admission(
            self._client,
            rendered.objects,
            namespace=self._namespace,
            asked=attempt.asked,
            profile=self._profile.workload,
        )

    def _pending_check(self, release: Release, pending: Revision) -> Check:
        if stuck.is_ours(release, pending, client=self._client, namespace=self._namespace):
            text = (
                f"revision {pending.number} is {pending.status}, begun by Lockage; if that was killed, it is marked as failed"
            )
            return Check(name="helm", ok=True, text=text)
        error = stuck.foreign(release, pending, self._namespace)
        return Check(name="helm", ok=False, text=error.message, hint=error.hint)

    # --- acting --------------------------------------------------------------------------------------------------------

    def _cure(self, release: Release, pending: Revision) -> None:
        cured = stuck.cure(
            release,
            pending,
            client=self._client,
            namespace=self._namespace,
            environment=self._environment,
            deadline_s=self._deadline_s,
        )
        if cured:
            self._log(f"revision {pending.number} of release {release.name} was {pending.status}: marked as failed")

    def _stands(self, attempt: Attempt) -> bool:
        """Whether the newest revision is this already, and the object as well."""
        last, rendered = attempt.history[-1], attempt.rendered
        if last.status != "deployed" or not last.chart.endswith(f"-{rendered.chart_version}"):
            return False
        live = attempt.live
        if not says_replicas(rendered.objects, self._workload):
            live = {**live, "spec": {**live["spec"], "replicas": None}}
        # The object first: it is looked at already, and usually tells.
        if mismatches([live], attempt.asked, self._profile.workload):
            return False
        values = attempt.release.values(last.number)
        if msgspec.json.encode(values, order="sorted") != msgspec.json.encode(rendered.values, order="sorted"):
            return False
        return same(attempt.release.objects(last.number), rendered.objects)

    def _upgrade(self, attempt: Attempt, rollout: Rollout) -> None:
        line, ours = attempt.line, attempt.rendered.ours
        words, variables = line.words(ours)
        text = line.user.description or described(rollout)
        number = attempt.history[-1].number + 1
        words += [
            f"--description={description(text, before=attempt.values, ours=ours.values)}",
            f"--labels={stuck.LABEL}={stuck.our_label(number)}",
        ]
        if attempt.rendered.server_side:
            words.append("--force-conflicts")  # whoever scaled it meanwhile owns the number of replicas, and would win
        self._log(" ".join(["helm", *shown(words)]))
        done = line.helm.run(words, deadline_s=self._deadline_s, variables=variables, ours=line.folder)
        for said in done.err.splitlines():
            self._log(said)
        if done.code != 0:
            raise refused(
                done, f"release {line.release} was not upgraded", hint=f"helm history {line.release} -n {self._namespace}"
            )

    def _scale(self, replicas: int) -> None:
        if self._live()["spec"].get("replicas") != replicas:
            self._client.patch(  # pyright: ignore[reportUnknownMemberType] - lightkube's own annotation is partial
                Deployment.Scale,
                self._workload,
                {"spec": {"replicas": replicas}},
                namespace=self._namespace,
                field_manager="lockage",
            )


def _annotations(live: Object) -> Mapping[str, str]:
    return live["metadata"].get("annotations") or {}


def _former(live: Object) -> FormerNote | None:
    text = _annotations(live).get(FORMER_NOTE)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=FormerNote)
    except msgspec.MsgspecError:
        return None  # whoever reads it to go on says so


def _numbers(probe: Any) -> tuple[float, ...] | None:
    if probe is None:
        return None
    return (probe.initial_delay_s, probe.period_s, probe.timeout_s, probe.failure_threshold)
