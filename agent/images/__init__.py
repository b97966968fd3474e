"""Images: content-addressed blobs, names, layers, root file systems, registries. Implements `agent.ports.images`."""
