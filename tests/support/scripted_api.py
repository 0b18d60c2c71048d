"""A client of an API server that answers as a test says; nothing listens anywhere."""

from __future__ import annotations

from collections.abc import Callable

import httpx2

from lockage.adapters.kubernetes.client import KubernetesClient, Place
from lockage.adapters.kubernetes.credentials import LookedUp
from lockage.adapters.kubernetes.door import Door

SERVER = "https://api.example.com:6443"
TOKEN = "Bearer our-token"


def scripted_client(answer: Callable[[httpx2.Request], httpx2.Response], *, namespace: str = "shop") -> KubernetesClient:
    """A client whose requests ``answer`` answers."""
    credentials = LookedUp(lambda: TOKEN)
    door = Door(httpx2.MockTransport(answer), credentials=credentials, server=SERVER, sleep=lambda _: None)
    return KubernetesClient(door, place=Place(server=SERVER, namespace=namespace))
