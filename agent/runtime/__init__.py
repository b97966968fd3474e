"""Implements `ports.runtime`: crun or runc under conmon (`OciRuntime`); a fake that needs no root (`FakeRuntime`)."""
