"""The container configuration that a stage builds up, and what each configuring instruction does to it.

`apply` takes an instruction whose words are expanded already and returns the text that history shows for it. The
document is Docker's `Config` with its field order, since image files are compared by people and by hash.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent.build.build_args import BuildArgs
from agent.build.durations import format_duration
from agent.build.expansion import Expander, ExpansionError
from agent.build.go_text import go_list, quote_list, quote_rune
from agent.build.instructions import (
    Add,
    Arg,
    Cmd,
    CommandLine,
    Copy,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    OnBuild,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)  # fmt: skip
from agent.build.stop_signals import is_signal
from agent.engine.exposed_ports import parse_exposed_ports
from wire.errors import Invalid

__all__ = ["DEFAULT_PATH", "DEFAULT_SHELL", "StageConfig"]

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULT_SHELL = ("/bin/sh", "-c")
_TEMPLATE: dict[str, Any] = {
    "Hostname": "",
    "Domainname": "",
    "User": "",
    "AttachStdin": False,
    "AttachStdout": False,
    "AttachStderr": False,
    "ExposedPorts": None,
    "Tty": False,
    "OpenStdin": False,
    "StdinOnce": False,
    "Env": None,
    "Cmd": None,
    "Healthcheck": None,
    "ArgsEscaped": None,
    "Image": "",
    "Volumes": None,
    "WorkingDir": "",
    "Entrypoint": None,
    "NetworkDisabled": None,
    "MacAddress": None,
    "OnBuild": None,
    "Labels": None,
    "StopSignal": None,
    "StopTimeout": None,
    "Shell": None,
}
_LEFT_OUT_WHEN_EMPTY = frozenset(
    (
        "ExposedPorts",
        "Healthcheck",
        "ArgsEscaped",
        "NetworkDisabled",
        "MacAddress",
        "StopSignal",
        "StopTimeout",
        "Shell",
    )
)


class StageConfig:
    """Configuration of one stage, from its base image's on. `cmd_set` says that this stage gave a CMD itself.

    What is not `inherited` is changed as it is: nothing of it is dropped and no PATH is added.
    """

    def __init__(self, base: Mapping[str, Any] | None, *, escape: str = "\\", inherited: bool = True) -> None:
        self._config = {**_TEMPLATE, **{key: value for key, value in (base or {}).items() if key in _TEMPLATE}}
        self.triggers: tuple[str, ...] = ()
        self.author = ""
        self.cmd_set = False
        self._escape = escape
        if inherited:
            self._inherit()

    def _inherit(self) -> None:
        self._config |= {"Hostname": "", "Domainname": "", "OpenStdin": False, "StdinOnce": False, "Image": ""}
        self.triggers = tuple(self._config["OnBuild"] or ())
        self._config["OnBuild"] = None
        for key in ("Env", "Cmd", "Entrypoint"):
            self._config[key] = list(self._config[key]) if self._config[key] else None
        if not any(item.startswith("PATH=") for item in self._config["Env"] or ()):
            self._config["Env"] = [*(self._config["Env"] or ()), f"PATH={DEFAULT_PATH}"]

    # reading
    @property
    def env(self) -> list[str]:
        return list(self._config["Env"] or ())

    @property
    def shell(self) -> tuple[str, ...]:
        return tuple(self._config["Shell"] or DEFAULT_SHELL)

    @property
    def working_dir(self) -> str:
        return str(self._config["WorkingDir"])

    @property
    def user(self) -> str:
        return str(self._config["User"])

    def document(self, **changes: Any) -> dict[str, Any]:
        """The `Config` document with `changes`; empty fields that Docker leaves out are left out."""
        merged = {**self._config, **changes}
        for key in ("ExposedPorts", "Volumes", "Labels"):
            if merged[key]:
                merged[key] = dict(sorted(merged[key].items()))
        return {key: value for key, value in merged.items() if value or key not in _LEFT_OUT_WHEN_EMPTY}

    def set_image(self, image_id: str) -> None:
        """Name the image that the next container is made from."""
        self._config["Image"] = image_id

    def environment(self, args: BuildArgs) -> dict[str, str]:
        """Names and values that words of this stage may refer to."""
        pairs = (item.partition("=") for item in (*args.allowed(self.env), *self.env))
        return {name: value for name, _, value in pairs}

    def command(self, line: CommandLine) -> list[str]:
        """The words to execute for a command as written, by the stage's shell unless it is in exec form."""
        if line.exec_form:
            return list(line.words)
        return [*self.shell, *line.words]

    # expansion
    def expand(self, instruction: Instruction, args: BuildArgs) -> Instruction:
        """Return the instruction with its words expanded. Raises Invalid: `failed to process "WORD": …`."""
        environment = self.environment(args)
        expander = Expander(escape=self._escape)

        def word(text: str) -> str:
            return expander.word(text, environment)

        try:
            match instruction:
                case Env() | Label(expand=True):
                    pairs = tuple((word(name), word(value)) for name, value in instruction.pairs)
                    return replace(instruction, pairs=pairs)
                case Arg():
                    return replace(
                        instruction,
                        pairs=tuple(
                            (word(name), None if value is None else word(value)) for name, value in instruction.pairs
                        ),
                    )
                case Copy() | Add():
                    return replace(
                        instruction,
                        sources=tuple(word(source) for source in instruction.sources),
                        destination=word(instruction.destination),
                        chown=word(instruction.chown),
                        chmod=word(instruction.chmod),
                        exclude=tuple(word(item) for item in instruction.exclude),
                        documents=tuple(
                            replace(item, content=_expand_document(expander, item.content, environment))
                            if item.expand
                            else item
                            for item in instruction.documents
                        ),
                    )
                case Workdir():
                    return replace(instruction, path=word(instruction.path))
                case User():
                    return replace(instruction, user=word(instruction.user))
                case StopSignal():
                    return replace(instruction, signal=word(instruction.signal))
                case Volume():
                    return replace(instruction, paths=tuple(word(path) for path in instruction.paths))
                case Expose():
                    ports = [item for port in instruction.ports for item in expander.words(port, environment)]
                    return replace(instruction, ports=tuple(ports))
                case _:
                    return instruction
        except ExpansionError as error:
            raise Invalid(str(error)) from None

    # changes
    def apply(self, instruction: Instruction) -> str:
        """Change the configuration by an expanded instruction; returns what history says after `#(nop) `.

        Raises Invalid with Docker's text; the configuration is then unchanged.
        """
        config = self._config
        match instruction:
            case Env():
                for name, value in instruction.pairs:
                    self._set_env(name, value)
                return "ENV " + " ".join(f"{name}={value}" for name, value in instruction.pairs)
            case Label():
                config["Labels"] = {**(config["Labels"] or {}), **dict(instruction.pairs)}
                return "LABEL " + " ".join(f"{name}={value}" for name, value in instruction.pairs)
            case Arg():
                shown = (name if value is None else f"{name}={value}" for name, value in instruction.pairs)
                return "ARG " + " ".join(shown)
            case Expose():
                ports = parse_exposed_ports(list(instruction.ports))
                config["ExposedPorts"] = {**(config["ExposedPorts"] or {}), **{port: {} for port in ports}}
                return "EXPOSE " + " ".join(instruction.ports)
            case User():
                config["User"] = instruction.user
                return f"USER {instruction.user}"
            case Volume():
                if not all(instruction.paths):
                    raise Invalid("VOLUME specified can not be an empty string")
                config["Volumes"] = {**(config["Volumes"] or {}), **{path: {} for path in instruction.paths}}
                return f"VOLUME {go_list(instruction.paths)}"
            case Workdir():
                if not instruction.path:
                    raise Invalid("cannot normalize nothing")
                config["WorkingDir"] = posixpath.normpath(
                    "/" + posixpath.join(self.working_dir, instruction.path).lstrip("/")
                )
                return f"WORKDIR {config['WorkingDir']}"
            case Cmd():
                words = self.command(instruction.command)
                config["Cmd"] = words or None
                self.cmd_set = bool(instruction.command.words)
                return f"CMD {quote_list(words)}"
            case Entrypoint():
                words = self.command(instruction.command) if instruction.command.words else []
                config["Entrypoint"] = words or None
                if not self.cmd_set:
                    config["Cmd"] = None
                return f"ENTRYPOINT {quote_list(words)}"
            case Shell():
                config["Shell"] = list(instruction.words)
                return f"SHELL {go_list(instruction.words)}"
            case StopSignal():
                if not is_signal(instruction.signal):
                    raise Invalid(f"invalid signal: {instruction.signal}")
                config["StopSignal"] = instruction.signal
                return f"STOPSIGNAL {instruction.signal}"
            case Maintainer():
                self.author = instruction.name
                return f"MAINTAINER {instruction.name}"
            case OnBuild():
                config["OnBuild"] = [*(config["OnBuild"] or ()), instruction.trigger]
                return f"ONBUILD {instruction.trigger}"
            case Healthcheck():
                # What is not said is inherited, also from an earlier HEALTHCHECK; history tells only what is said.
                config["Healthcheck"] = {**(config["Healthcheck"] or {}), **_healthcheck_document(instruction)}
                return _healthcheck_text(instruction)
            case _:
                raise Invalid(f"{instruction.statement.keyword} does not configure an image")

    def replaced_healthcheck(self) -> Sequence[str]:
        """The test that a further HEALTHCHECK would replace; empty when there is none worth a note."""
        test: Sequence[str] = (self._config["Healthcheck"] or {}).get("Test") or ()
        return () if test and test[0] == "NONE" else test

    def _set_env(self, name: str, value: str) -> None:
        env = self._config["Env"] = self.env
        for index, item in enumerate(env):
            if item.partition("=")[0] == name:
                env[index] = f"{name}={value}"
                return
        env.append(f"{name}={value}")


def _expand_document(expander: Expander, content: str, environment: Mapping[str, str]) -> str:
    """References in an inline document; quotes are ordinary characters there."""
    return expander.document(content, environment)


def _healthcheck_document(check: Healthcheck) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "Test": list(check.test),
        "Interval": check.interval_ns,
        "Timeout": check.timeout_ns,
        "StartPeriod": check.start_period_ns,
        "StartInterval": check.start_interval_ns,
        "Retries": check.retries,
    }
    return {key: value for key, value in fields.items() if value}


def _healthcheck_text(check: Healthcheck) -> str:
    times = (check.interval_ns, check.timeout_ns, check.start_period_ns, check.start_interval_ns)
    words = " ".join(f'"{format_duration(time)}"' for time in times)
    return f"HEALTHCHECK &{{{quote_list(check.test)} {words} {quote_rune(check.retries)}}}"
