"""Implements `ports.logs` on the files conmon writes.

`segments` finds the files of a log and gives every byte a position that rotation does not change; `records` turns bytes
into Docker's messages; `reading` walks both; `rotation` cuts; `options` reads `LogConfig`; `store` is the port.
"""
