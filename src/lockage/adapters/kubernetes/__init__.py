"""Kubernetes behind the ports: a Deployment, its pods, its Service and its Lease, by the API server."""
