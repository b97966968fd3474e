"""The Engine API of one host as an ASGI application: parse, gate by version, call the engine, write the answer.

Handlers are thin. `routes` names every endpoint; one module per resource has its handlers; `request` is one request and
its answer; `shapes` knows what older API versions looked like.
"""
