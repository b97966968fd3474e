"""Django settings, one module per environment; everything that differs between installations comes from `MOORING_*`.

This package imports none of them: a test must not read a real installation's paths before it has set its own.
"""
