"""What the control plane and the agent say to each other: pure values and codecs, and `net`, the only shared I/O."""
