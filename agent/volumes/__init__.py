"""Named and anonymous volumes of the local driver: implements `agent.ports.volumes`."""
