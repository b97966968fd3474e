"""Hosts: enrolment, credentials, liveness from the live link, findings, link history. Owns the host rows."""
