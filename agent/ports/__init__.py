"""Protocols and plain values by which the agent's rooms meet; no behaviour, no I/O."""
