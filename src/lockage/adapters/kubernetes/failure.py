"""What the API server said no to, in our words: one sentence, a code, and the next command.

Not for answers of the application that come through the API server (``service``). The surprising thing: the classes here are
for this package, which often knows what to do about an object that is not there or was changed; whoever lets one pass lets a
``RefusedError`` or ``UnreachableError`` pass.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator

import httpx2
import msgspec

from lockage.errors import LockageError, RefusedError, UnreachableError


class ForbiddenError(RefusedError):
    """403: the identity may not do it (LK504)."""


class MissingError(RefusedError):
    """404 or 410: the object, or its kind, is not there (LK506)."""


class ConflictError(RefusedError):
    """409: somebody else has written the object since, or it exists already (LK507)."""


class RejectedError(RefusedError):
    """400, 413, 415, 422, or a webhook's no: the API server does not take the object (LK508)."""


class Cause(msgspec.Struct):
    """One reason in the details of a ``Status``."""

    field: str = ""
    message: str = ""
    reason: str = ""


class Details(msgspec.Struct):
    """What a ``Status`` is about."""

    name: str = ""
    kind: str = ""
    causes: tuple[Cause, ...] = ()


class Status(msgspec.Struct):
    """The API server's own answer when it does not give an object."""

    kind: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0
    details: Details | None = None


def read_status(body: bytes) -> Status | None:
    """The API server's ``Status`` in a body; None when the body is something else."""
    try:
        status = msgspec.json.decode(body, type=Status)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return status if status.kind == "Status" else None


_CANNOT = re.compile(
    r'(?:User "(?P<user>[^"]+)" )?cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)
_VERBS = {"PUT": "update", "PATCH": "patch", "POST": "create"}
_NAMED = re.compile(
    r"^/(?:api|apis/(?P<group>[^/]+))/[^/]+(?:/namespaces/(?P<namespace>[^/]+)(?=/))?/(?P<resource>[^/]+)"
    r"(?:/(?P<name>[^/]+))?(?:/(?P<sub>.+))?$"
)


class Asked:
    """What a request asks for, as RBAC names it: ``get deployments.apps coder in namespace shop``."""

    def __init__(self, method: str, path: str) -> None:
        found = _NAMED.match(path)
        self.known = found is not None
        self.namespace = (found and found["namespace"]) or None
        self.name = (found and found["name"]) or None
        sub = (found and found["sub"]) or ""
        resource = found["resource"] if found else path
        group = (found and found["group"]) or ""
        # The rest of a proxied path is the application's, not a subresource.
        self.resource = resource + (f".{group}" if group else "") + (f"/{sub.split('/', 1)[0]}" if sub else "")
        listing = "get" if self.name or not self.known else "list"
        deleting = "delete" if self.name else "deletecollection"
        self.verb = {"GET": listing, "DELETE": deleting}.get(method, _VERBS.get(method, method.lower()))

    @property
    def thing(self) -> str:
        """What it is about: ``deployments.apps coder in namespace shop``."""
        words = " ".join([self.resource, *([self.name] if self.name else [])])
        return words + (f" in namespace {self.namespace}" if self.namespace else "")

    def __str__(self) -> str:
        return f"{self.verb} {self.thing}"


def by_role(body: bytes) -> bool:
    """Whether it is the lack of a right that a body of 403 tells of, and not a quota's or a webhook's no."""
    status = read_status(body)
    return status is not None and status.reason == "Forbidden" and "cannot" in status.message


def refusal(code: int, body: bytes, *, asked: Asked, server: str) -> LockageError:
    """What an answer of the API server with a status of 400 or more means."""
    status = read_status(body)
    said = _said(status, body)
    match code:
        case 401 | 429:
            refused = _not_now(code, asked=asked, server=server)
        case 403 if by_role(body):
            refused = _forbidden(asked, said)
        case 404 | 410:
            why = "" if said.endswith("not found") else f": {said}"
            refused = MissingError(f"{asked.thing} does not exist{why}", code="LK506", hint=_hint_of_missing(asked))
        case 409:
            text = f"somebody else has changed {asked.thing} since we looked: {said}"
            refused = ConflictError(text, code="LK507", hint="look again, then repeat it")
        case _ if code >= 500:
            text = f"the API server {server} could not {asked}: {code}, {said}"
            refused = UnreachableError(text, code="LK509", hint="kubectl get --raw /readyz?verbose")
        case _:  # 403 too: quotas, admission plugins and webhooks answer it
            text = f"the API server does not take it ({code} on {asked}): {said}"
            refused = RejectedError(text, code="LK508", hint=_hint_of_rejected(said))
    return refused


def _not_now(code: int, *, asked: Asked, server: str) -> UnreachableError:
    if code == 429:
        return UnreachableError(f"the API server {server} is too busy to {asked}", code="LK509", hint="try again in a minute")
    return UnreachableError(
        f"the API server {server} does not know us (401 on {asked}): our credentials have expired or are wrong",
        code="LK505",
        hint="log in to the cluster again; check with: kubectl auth whoami",
    )


def _forbidden(asked: Asked, said: str) -> ForbiddenError:
    found = _CANNOT.search(said)
    if found is None:
        return ForbiddenError(f"our identity may not {asked}: {said}", code="LK504", hint="lockage rbac")
    # The server's own words: a websocket begins with GET and is authorised as another verb, from 1.35 on.
    resource = found["resource"] + (f".{found['group']}" if found["group"] else "")
    where = f" -n {found['namespace']}" if found["namespace"] else ""
    there = f" in namespace {found['namespace']}" if found["namespace"] else ""
    return ForbiddenError(
        f"{found['user'] or 'our identity'} may not {found['verb']} {resource}{there}",
        code="LK504",
        hint=f"kubectl auth can-i {found['verb']} {resource}{where}; what is needed is printed by: lockage rbac",
    )


def _said(status: Status | None, body: bytes) -> str:
    text = status.message if status and status.message else body[:300].decode("utf-8", errors="replace")
    return " ".join(text.split()).rstrip(".") or "no reason was given"


def _hint_of_rejected(said: str) -> str:
    if "webhook" in said:
        return "an admission webhook refuses it: correct the object, or talk to whoever runs the webhook"
    if "exceeded quota" in said:
        return "kubectl describe resourcequota"
    return "correct the object as the message says"


def _hint_of_missing(asked: Asked) -> str:
    where = f" -n {asked.namespace}" if asked.namespace else ""
    return f"kubectl get {asked.resource.split('/', maxsplit=1)[0]}{where}"


def silence(error: Exception, *, asked: Asked, server: str, limit_s: float | None) -> UnreachableError:
    """What a request without an answer means."""
    writes = asked.verb in {"create", "update", "patch", "delete"} and not asked.resource.endswith("/exec")
    unsure = "; whether it was done is not known" if writes and not isinstance(error, httpx2.ConnectError) else ""
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UnreachableError(
                f"the certificate of the API server {server} is not one that we trust: {cause.verify_message}",
                code="LK509",
                hint="compare certificate-authority in the kubeconfig with the server's; look at this machine's clock",
            )
        if isinstance(cause, ssl.SSLError):
            return UnreachableError(
                f"no encrypted connection with the API server {server}: {cause.reason or cause}",
                code="LK509",
                hint="kubectl cluster-info",
            )
    if isinstance(error, httpx2.TimeoutException):
        within = f" within {limit_s:g} s" if limit_s else " in time"
        return UnreachableError(
            f"no answer of the API server {server} to {asked}{within}{unsure}", code="LK509", hint="kubectl cluster-info"
        )
    if isinstance(error, httpx2.ConnectError):
        text = f"the API server {server} does not answer: {error or type(error).__name__}"
        return UnreachableError(text, code="LK509", hint="kubectl cluster-info")
    return UnreachableError(
        f"the connection to the API server {server} broke off in the middle of {asked}{unsure}",
        code="LK509",
        hint="kubectl cluster-info",
    )


def strange(response: httpx2.Response, *, server: str) -> UnreachableError | None:
    """What an answer means that looks well and is no API server's: a login page, or the way to one."""
    kind = response.headers.get("Content-Type", "")
    if response.status_code < 300 and not kind.startswith("text/html"):
        return None
    to = response.headers.get("Location")
    what = f"sends us to {to}" if to else f"answers {response.status_code} with {kind or 'nothing that we know'}"
    return UnreachableError(
        f"{server} is no API server, or something stands before it: it {what}", code="LK509", hint="kubectl cluster-info"
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
