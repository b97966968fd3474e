"""Browser sockets: hints, logs, terminal, stats, job output. Session cookie and origin are checked before accepting."""
