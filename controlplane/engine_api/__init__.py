"""The Docker-style Engine API at the plane: every route classified, authorised, recorded; streamed through or a job.

A raw ASGI application and not Django views: Django reads a request's whole body before a view runs, and build contexts,
image archives and hijacked connections have to stream both ways (docs/adr/0001).
"""
