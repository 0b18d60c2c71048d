"""What a container's variables and mounted files say, without a look into the container.

Not for knowing which of them matter (``database_address``). The surprising thing: only what is asked for is read, one Secret at
a time, so that the right to read other Secrets is not needed; and what is read is resolved as the kubelet does it: ``envFrom``
first, ``env`` over it, ``$(NAME)`` from what was defined before.

Codes: LK535 a Secret, a ConfigMap or a key that is not there · LK534 a value that only the node knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import TypeAlias

from lockage.adapters.kubernetes.failure import ForbiddenError
from lockage.adapters.kubernetes.objects import (
    Asking,
    ContainerObject,
    KeyPath,
    KeyRef,
    Mount,
    PodObject,
    Variable,
    Volume,
    WorkloadObject,
    list_services,
    read_config_map,
    read_secret,
)
from lockage.errors import LockageError, RefusedError

Held: TypeAlias = dict[str, bytes]
"""What a Secret or a ConfigMap holds, by key."""

_REFERENCE = re.compile(r"\$(?:\$|\((?P<name>[^)]*)\))")
"""``$(NAME)``, and ``$$`` for a plain dollar. Source: Kubernetes 1.33, third_party/forked/golang/expansion."""

_SUBSCRIPT = re.compile(r"metadata\.(?P<what>labels|annotations)\['(?P<key>[^']+)'\]")


class Environment:
    """The variables and mounted files of one container of a workload's pods."""

    def __init__(
        self,
        client: Asking,
        workload: WorkloadObject,
        container: ContainerObject,
        *,
        pod: Callable[[], PodObject | None] = lambda: None,
    ) -> None:
        """``pod`` gives one that runs, for what only a pod has (its name, its node's address)."""
        self._client = client
        self._workload = workload
        self._container = container
        self._pod = pod
        self._secret = self._reader(read_secret, "Secret")
        self._config_map = self._reader(read_config_map, "ConfigMap")

    @property
    def where(self) -> str:
        """Whose environment it is, for sentences."""
        return f"container {self._container.name} of {self._workload.title}"

    def variable(self, name: str) -> str | None:
        """The value that a variable has in the container; None when it is not defined.

        Raises ``RefusedError`` (LK535, LK534); as the client does.
        """
        return self._before(name, len(self._container.env))

    def file(self, path: str) -> bytes | None:
        """What a Secret or ConfigMap mounts under a path; None when none does (the file is the image's, or made by somebody).

        Raises ``RefusedError`` (LK535) when it should be there and is not; as the client does.
        """
        spec = self._workload.spec.template.spec
        mounts = sorted(self._container.volume_mounts, key=lambda mount: len(mount.mount_path), reverse=True)
        for mount in mounts:
            inside = _inside(mount, path)
            if inside is None:
                continue
            volume = next((volume for volume in spec.volumes if volume.name == mount.name), None)
            return None if volume is None else self._in_volume(volume, inside)
        return None

    def names(self) -> Iterator[str]:
        """The names of all variables, those of ``envFrom`` included; the same name may come twice."""
        for source in self._container.env_from:
            for key in self._whole(
                source.secret_ref and source.secret_ref.name, source.config_map_ref and source.config_map_ref.name
            ):
                yield source.prefix + key
        for entry in self._container.env:
            yield entry.name

    def origin(self, name: str) -> str:
        """Where a variable has its value from, for sentences: "Secret/coder-db-url"; never the value."""
        for entry in reversed(self._container.env):
            if entry.name == name:
                source = entry.value_from
                if source is None:
                    return "its value"
                if source.secret_key_ref is not None:
                    return f"Secret/{source.secret_key_ref.name}"
                return f"ConfigMap/{source.config_map_key_ref.name}" if source.config_map_key_ref else "a field of the pod"
        return "envFrom"

    def expanded(self, text: str) -> str:
        """The text with every ``$(NAME)`` replaced by the variable's value in the container."""
        return self._expanded(text, len(self._container.env))

    def _before(self, name: str, end: int) -> str | None:
        for index in range(end - 1, -1, -1):
            entry = self._container.env[index]
            if entry.name == name:
                value = self._value(entry, index)
                if value is not None:
                    return value
        for source in reversed(self._container.env_from):
            if not name.startswith(source.prefix):
                continue
            key = name.removeprefix(source.prefix)
            for ref, read, kind in (
                (source.secret_ref, self._secret, "Secret"),
                (source.config_map_ref, self._config_map, "ConfigMap"),
            ):
                if ref is None:
                    continue
                held = read(ref.name)
                if held is None and not ref.optional:
                    raise _not_there(f"{kind}/{ref.name}", f"envFrom of {self.where}", self._client.namespace)
                if held is not None and key in held:
                    return _text(held[key])
        return self._of_services(name)

    def _value(self, entry: Variable, index: int) -> str | None:
        """Its value; None where an optional reference leads nowhere, so that the variable is as before."""
        source = entry.value_from
        if source is None or entry.value:
            return self._expanded(entry.value, index)
        if source.secret_key_ref is not None:
            return self._key(source.secret_key_ref, self._secret, "Secret", entry.name)
        if source.config_map_key_ref is not None:
            return self._key(source.config_map_key_ref, self._config_map, "ConfigMap", entry.name)
        if source.field_ref is not None:
            return self._field(source.field_ref.field_path, entry.name)
        raise self._of_the_node(entry.name, "resourceFieldRef" if source.resource_field_ref is not None else "fileKeyRef")

    def _key(self, ref: KeyRef, read: Callable[[str], Held | None], kind: str, variable: str) -> str | None:
        held = read(ref.name)
        if held is not None and ref.key in held:
            return _text(held[ref.key])
        if ref.optional:
            return None
        what = f"{kind}/{ref.name}" if held is None else f"key {ref.key} of {kind}/{ref.name}"
        raise _not_there(what, f"variable {variable} of {self.where}", self._client.namespace)

    def _field(self, path: str, variable: str) -> str:
        template = self._workload.spec.template
        if found := _SUBSCRIPT.fullmatch(path):
            texts = template.metadata.labels if found["what"] == "labels" else template.metadata.annotations
            return texts.get(found["key"], "")
        fixed = {"metadata.namespace": self._client.namespace, "spec.serviceAccountName": template.spec.service_account_name}
        if path in fixed:
            return fixed[path]
        pod = self._pod()
        if pod is None:
            raise self._of_the_node(variable, path)
        of_pod = {
            "metadata.name": pod.metadata.name,
            "metadata.uid": pod.metadata.uid,
            "spec.nodeName": pod.spec.node_name,
            "status.podIP": pod.status.pod_ip,
            "status.podIPs": pod.status.pod_ip,
            "status.hostIP": pod.status.host_ip,
        }
        if path not in of_pod:
            raise self._of_the_node(variable, path)
        return of_pod[path]

    def _expanded(self, text: str, index: int) -> str:
        def replaced(found: re.Match[str]) -> str:
            name = found["name"]
            if name is None:
                return "$"
            value = self._before(name, index)
            return found[0] if value is None else value

        return _REFERENCE.sub(replaced, text)

    def _of_services(self, name: str) -> str | None:
        """``NAME_SERVICE_HOST`` and ``NAME_SERVICE_PORT``, which the kubelet adds for each Service of the namespace."""
        service, found, what = name.rpartition("_SERVICE_")
        if not (service and found and what in ("HOST", "PORT")) or not self._workload.spec.template.spec.enable_service_links:
            return None
        try:
            services = list_services(self._client)
        except ForbiddenError:
            return None
        for one in services:
            if one.metadata.name.upper().replace("-", "_") == service and one.spec.cluster_ips and one.spec.ports:
                return one.spec.cluster_ips[0] if what == "HOST" else str(one.spec.ports[0].port)
        return None

    def _whole(self, secret: str | None, config_map: str | None) -> Held:
        held = self._secret(secret) if secret else self._config_map(config_map) if config_map else None
        return held or {}

    def _in_volume(self, volume: Volume, path: str) -> bytes | None:
        if volume.secret is not None:
            held = self._secret(volume.secret.secret_name)
            return self._file(held, volume.secret.items, path, f"Secret/{volume.secret.secret_name}", volume.secret.optional)
        if volume.config_map is not None:
            held = self._config_map(volume.config_map.name)
            return self._file(
                held, volume.config_map.items, path, f"ConfigMap/{volume.config_map.name}", volume.config_map.optional
            )
        sources = volume.projected.sources if volume.projected is not None else ()
        for source in reversed(sources):
            for ref, read in ((source.secret, self._secret), (source.config_map, self._config_map)):
                found = ref and self._file(read(ref.name), ref.items, path, ref.name, True)
                if found is not None and ref is not None:
                    return found
        return None

    def _file(self, held: Held | None, items: tuple[KeyPath, ...], path: str, title: str, optional: bool) -> bytes | None:
        key = next((item.key for item in items if item.path == path), None) if items else path
        if held is not None and key is not None and key in held:
            return held[key]
        if optional:
            return None
        what = title if held is None else f"key {key or path} of {title}"
        raise _not_there(what, f"a volume of {self.where}", self._client.namespace)

    def _reader(self, read: Callable[[Asking, str], Held | None], kind: str) -> Callable[[str], Held | None]:
        """Reads each object once; says what for, when our identity may not."""

        def once(name: str) -> Held | None:
            try:
                return read(self._client, name)
            except ForbiddenError as error:
                raise ForbiddenError(
                    f"{error.message}: {self._workload.title} has variables or files from {kind}/{name}",
                    code=error.code,
                    hint=f"{error.hint}; or give the database's address with --database URL",
                ) from error

        return cache(once)

    def _of_the_node(self, variable: str, what: str) -> LockageError:
        return RefusedError(
            f"variable {variable} of {self.where} is {what} of a running pod, and there is none to ask",
            code="LK534",
            hint="give the database's address with --database URL",
        )


def _inside(mount: Mount, path: str) -> str | None:
    """The path as the volume has it; None when the mount is not for it."""
    root = mount.mount_path.rstrip("/")
    if path == root and mount.sub_path:
        return mount.sub_path
    if not path.startswith(f"{root}/"):
        return None
    inside = path.removeprefix(f"{root}/")
    return f"{mount.sub_path.rstrip('/')}/{inside}" if mount.sub_path else inside


def _text(value: bytes) -> str:
    return value.decode("utf-8", errors="replace")


def _not_there(what: str, why: str, namespace: str) -> LockageError:
    kind, _, name = what.rpartition(" ")[2].partition("/")
    return RefusedError(
        f"there is no {what} in namespace {namespace}, and {why} needs it",
        code="LK535",
        hint=f"kubectl get {kind.lower()} {name} -n {namespace}; or give the database's address with --database URL",
    )
