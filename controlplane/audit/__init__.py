"""Append-only record of who did what to which object, the decision, and (as a row of its own) the result."""
