"""The client's end of the registry protocol: endpoints, tokens, manifests and blobs (OCI distribution, Docker v2)."""
