"""A look at the API server, for those who wait for it; tests use lightkube."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

from e2e.cluster.layout import API_PORT, Network, State

LIMIT_S = 5.0


def look(state: State, network: Network, path: str) -> Any:
    """Gives what the API server answers to the administrator's GET: decoded JSON, or text; None while that is no 200."""
    pki = state.certificates
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    connection = http.client.HTTPSConnection(network.node, API_PORT, context=context, timeout=LIMIT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except OSError:
        return None
    finally:
        connection.close()
    if answer.status != 200:
        return None
    return json.loads(body) if "json" in answer.headers.get_content_type() else body.decode()
