"""The agent: a complete Docker-compatible daemon for one host, and the host's end of the tunnel to the plane."""
