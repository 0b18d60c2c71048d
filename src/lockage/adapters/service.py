"""What users get, asked over HTTP: one request, one answer.

Not for the demo's traffic, which measures, and not for retries: a failed request is an answer too, with status 0. The
surprising thing: proxies named in the environment are not used, because what is asked is this deployment and nothing between,
and redirects are not followed, because a login page is no proof of service.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpx

from lockage.ports import Answer

BODY_LIMIT_BYTES = 1_000_000
"""What is read of an answer: a version or a proof of service stands in far less, and a download must not fill our memory."""


class HttpService:
    """Asks over HTTP; keeps no connection from one request to the next, so that each meets a replica anew."""

    def get(self, url: str, *, headers: Mapping[str, str], timeout_s: float) -> Answer:
        """One request; a connection that fails, times out or breaks off is an ``Answer`` with status 0 and a problem.

        ``timeout_s`` limits the connection, each wait for more bytes, and the whole of the body.
        """
        late = Answer(status=0, body="", problem=f"no answer from {url} within {timeout_s:g} s")
        deadline = time.monotonic() + timeout_s
        # To read every authority that one might trust takes 20 ms, and without TLS none is asked for.
        trusted = not url.lower().startswith("http:")
        try:
            with (
                httpx.Client(timeout=timeout_s, trust_env=False, follow_redirects=False, verify=trusted) as client,
                client.stream("GET", url, headers=dict(headers)) as response,
            ):
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) >= BODY_LIMIT_BYTES:
                        break
                    if time.monotonic() > deadline:
                        return late
                text = bytes(body[:BODY_LIMIT_BYTES]).decode(response.encoding or "utf-8", errors="replace")
                return Answer(status=response.status_code, body=text)
        except httpx.TimeoutException:
            return late
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            return Answer(status=0, body="", problem=f"{url}: {error or type(error).__name__}")
