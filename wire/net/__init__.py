"""The only asyncio code that both programs share: HTTP upgrade, TLS, and the stream multiplexer."""
