"""What every room stands on: clock, secrets, threads for the database, in-process bus, hints between processes."""
