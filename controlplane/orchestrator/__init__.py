"""Where and how things are put: placement on a host, guard rails on what a container may ask for, composite jobs."""
