"""Durable operations: a row is the truth, a Celery message is only a nudge to look at it.

State machine (written by `actions` only):

    queued ──claim──► running ──finish──► succeeded | failed | cancelled
      ▲  └──cancel──► cancelled   │
      └──────lease expired────────┘   (streamed jobs fail as interrupted instead)

A job's `uid` is its operation key at the agent: whatever is delivered twice, lost, or half done by a killed worker, the
effect happens once.
"""
