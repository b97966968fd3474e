"""The agent's link to the control plane: it dials out, upgrades the connection and answers the plane's calls on it.

`dial` makes one connection, `link` keeps one for ever, `enrolment` joins a host and keeps its credential.
"""
