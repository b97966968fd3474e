"""Who may do what: organisation, users, bearer tokens, and `access.authorise`, the one door for every protocol.

Owns the rows of people and tokens. Front doors: `access.authorise`, `actions` (writes), `selectors` (reads).
"""
