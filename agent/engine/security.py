"""`--security-opt`: what may be said, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wire.errors import Internal

__all__ = ["Confinement", "check_security_opt", "confinement_for", "parse_security_opt", "unenforced_profile"]


@dataclass(frozen=True, slots=True)
class Confinement:
    """`seccomp` as the runtime port takes it; `apparmor` None when the user named none."""

    seccomp: str = "default"
    apparmor: str | None = None
    no_new_privileges: bool = False


def check_security_opt(options: Iterable[str]) -> None:
    """Internal (Docker answers 500) with Docker's texts for what is not an option."""
    parse_security_opt(options)


def parse_security_opt(options: Iterable[str]) -> Confinement:
    """Read the options; the last of a kind wins. `label` is accepted and means nothing without SELinux."""
    seccomp, apparmor, no_new_privileges = "default", None, False
    for option in options:
        if option == "no-new-privileges":
            no_new_privileges = True
            continue
        separator = "=" if "=" in option else ":"
        name, found, value = option.partition(separator)
        if not found:
            raise Internal(f'invalid --security-opt 1: "{option}"')
        if name == "label":
            continue
        if name == "apparmor":
            apparmor = value
        elif name == "seccomp":
            seccomp = value
        elif name == "no-new-privileges":
            if value not in ("true", "false", "1", "0", "t", "f", "T", "F", "TRUE", "FALSE", "True", "False"):
                raise Internal(f'invalid --security-opt 2: "{option}"')
            no_new_privileges = value in ("true", "1", "t", "T", "TRUE", "True")
        else:
            raise Internal(f'invalid --security-opt 2: "{option}"')
    return Confinement("default" if seccomp == "builtin" else seccomp, apparmor, no_new_privileges)


def confinement_for(options: Iterable[str], *, privileged: bool, apparmor_here: bool) -> Confinement:
    """What is enforced. Privileged runs without filters; without AppArmor on this host no profile is, which create
    warns of."""
    asked = parse_security_opt(options)
    seccomp = asked.seccomp
    if privileged and seccomp == "default":
        seccomp = "unconfined"
    apparmor = asked.apparmor or ("unconfined" if privileged else "")
    return Confinement(seccomp, (apparmor or None) if apparmor_here else None, asked.no_new_privileges)


def unenforced_profile(options: Iterable[str], *, apparmor_here: bool) -> str:
    """A warning when the user names an AppArmor profile that this host cannot enforce, else ""."""
    profile = parse_security_opt(options).apparmor
    if apparmor_here or profile in (None, "", "unconfined"):
        return ""
    return f"AppArmor is not enabled on this host. The profile {profile} is not enforced."
