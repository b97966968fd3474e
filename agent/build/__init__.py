"""Building images: parse a Dockerfile, plan its stages, execute the steps, cache what they made.

The core (`syntax`, `expansion`, `ignore`, `context`, `plan`, `cache`, `steps`, `executor`) knows no transport: it takes
a plan and tells what happens as `events`. `classic` renders those events as Docker's classic builder prints them, which
is what `POST /build` answers.
"""
