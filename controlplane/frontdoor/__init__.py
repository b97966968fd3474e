"""Listeners, who the peer of a connection is, and which application a request belongs to."""
