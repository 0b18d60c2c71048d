"""A namespace and a PostgreSQL for faults on the cluster outside of pytest, as the fixtures of ``e2e`` make them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightkube
import psycopg
from lightkube.config.kubeconfig import KubeConfig
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace
from psycopg import sql

from e2e.cluster.whole import Cluster
from e2e.rights import no_longer_granted
from faults.cluster_ground import ClusterGround
from lockage.adapters.postgres.embedded import Server
from lockage.adapters.postgres.throwaway import throwaway


@contextmanager
def pods_server(own: Cluster) -> Iterator[Server]:
    """A PostgreSQL on this host that pods reach."""
    network = own.network
    with throwaway(tcp=True, settings={"listen_addresses": f"127.0.0.1,{network.host}"}) as server:
        with (server.data_dir / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {network.pods} scram-sha-256\nhost all all {network.host}/32 scram-sha-256\n")
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute("select pg_reload_conf()")
        yield server


@contextmanager
def on_namespace(own: Cluster, server: Server, folder: Path) -> Iterator[ClusterGround]:
    """A ground with a namespace and a database of its own; the namespace goes at the end."""
    name = f"faults-{os.urandom(4).hex()}"
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
    here = server.url(name, tcp=True)
    with lightkube.Client(config=KubeConfig.from_file(own.kubeconfig), namespace=name) as kube:
        kube.create(Namespace(metadata=ObjectMeta(name=name)))
        url = here.replace("127.0.0.1", own.network.host)
        ground = ClusterGround(kube=kube, own=own, kubeconfig=own.kubeconfig, url=url, url_here=here, folder=folder)
        try:
            ground.tag_images()
            yield ground
        finally:
            no_longer_granted(kube)
            kube.delete(Namespace, name)
