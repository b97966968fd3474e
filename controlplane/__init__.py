"""The control plane: who may do what, where it happens, a durable record of it, and one view over every host."""
