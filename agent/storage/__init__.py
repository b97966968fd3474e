"""The agent's journal: SQLite in WAL mode behind the storage port."""
