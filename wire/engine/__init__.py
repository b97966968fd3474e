"""Docker object shapes (msgspec), one module per resource; nothing else spells Docker's capitalised field names."""
