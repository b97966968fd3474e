"""The agents' side of the house: one process holds every host's tunnel; the others reach hosts through it.

`links` holds tunnels, `server` accepts them, `relay` splices a caller's stream to a host's, `observation` follows what
each host tells. `calls` is what the other processes use. Owns no rows of its own; it writes links through `fleet`.
"""
