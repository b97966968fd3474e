"""What configuring instructions do to an image and how history tells it, with texts Docker 26.1 wrote."""

from __future__ import annotations

import pytest

from agent.build.build_args import BuildArgs
from agent.build.instructions import parse_instruction
from agent.build.stage_config import DEFAULT_PATH, StageConfig
from agent.build.syntax import parse_statement
from wire.errors import Invalid


def stage(*lines: str) -> StageConfig:
    config = StageConfig({"Env": None, "Cmd": ["sh"]})
    for line in lines:
        apply(config, line)
    return config


def apply(config: StageConfig, line: str) -> str:
    return config.apply(config.expand(parse_instruction(parse_statement(line)), BuildArgs({})))


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("ENV A=b C=\"d e\" k=$a-'$a'", "ENV A=b C=d e k=b-$a"),
        ("ENV m n  o  'p'", "ENV m=n  o  p"),
        ('LABEL x=y "q r"="s $a t"', "LABEL x=y q r=s b t"),
        ("EXPOSE $p 8000-8002 90/udp", "EXPOSE 90 8000-8002 90/udp"),
        ("EXPOSE 8080 80/tcp 53/UDP 70-72", "EXPOSE 53/UDP 70-72 80/tcp 8080"),
        ('VOLUME ["/j", "/k $a"]', "VOLUME [/j /k b]"),
        ("WORKDIR ../z/./k", "WORKDIR /z/k"),
        ("CMD foo  bar   $a", 'CMD ["/bin/sh" "-c" "foo  bar   $a"]'),
        ("CMD", 'CMD ["/bin/sh" "-c"]'),
        ('ENTRYPOINT ["x","$a"]', 'ENTRYPOINT ["x" "$a"]'),
        ("STOPSIGNAL RTMIN+3", "STOPSIGNAL RTMIN+3"),
        ("MAINTAINER   me  <x@y>  ", "MAINTAINER me  <x@y>"),
        ('SHELL ["/bin/ash", "-c"]', "SHELL [/bin/ash -c]"),
        ("onbuild   run  echo x", "ONBUILD run  echo x"),
        ("USER foo:bar", "USER foo:bar"),
        ("ARG t='u v' w", "ARG t=u v w"),
        (
            "HEALTHCHECK --interval=5s --timeout=1m --retries=2 CMD curl  -f http://x || exit 1",
            'HEALTHCHECK &{["CMD-SHELL" "curl  -f http://x || exit 1"] "5s" "1m0s" "0s" "0s" \'\\x02\'}',
        ),
        ("HEALTHCHECK --retries=10 CMD x", 'HEALTHCHECK &{["CMD-SHELL" "x"] "0s" "0s" "0s" "0s" \'\\n\'}'),
        ("HEALTHCHECK NONE", 'HEALTHCHECK &{["NONE"] "0s" "0s" "0s" "0s" \'\\x00\'}'),
    ],
)
def test_history(line: str, text: str) -> None:
    assert apply(stage("ENV a=b p=90"), line) == text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("EXPOSE abc", "Invalid containerPort: abc"),
        ("EXPOSE 9-7", "Invalid containerPort: 9-7"),
        ("EXPOSE 80/foo", "Invalid proto: foo"),
        ("EXPOSE x:8", "Invalid hostPort: x"),
        ("EXPOSE 8:/udp", "No port specified: 8:/udp<empty>"),
        ("EXPOSE 1-2:5-9", "Invalid ranges specified for container and host Ports: 5-9 and 1-2"),
        ("STOPSIGNAL FOO", "invalid signal: FOO"),
        ("STOPSIGNAL 0", "invalid signal: 0"),
        ("WORKDIR $nothing", "cannot normalize nothing"),
        ("ENV a=${b:?err}", 'failed to process "${b:?err}": b: err'),
    ],
)
def test_faults_change_nothing(line: str, message: str) -> None:
    config = stage("EXPOSE 1")
    before = config.document()
    with pytest.raises(Invalid) as caught:
        apply(config, line)
    assert caught.value.message == message
    assert config.document() == before


def test_one_env_sees_what_was_before_it() -> None:
    config = stage("ENV a=x", "ENV a=y b=$a PATH=/x:$PATH")
    assert config.env == [f"PATH=/x:{DEFAULT_PATH}", "a=y", "b=x"]


def test_an_entrypoint_drops_the_base_images_command_and_not_the_stages_own() -> None:
    assert stage('ENTRYPOINT ["x"]').document()["Cmd"] is None
    assert stage("CMD a", 'ENTRYPOINT ["x"]').document()["Cmd"] == ["/bin/sh", "-c", "a"]


def test_ports_are_kept_sorted_and_empty_fields_left_out() -> None:
    document = stage("EXPOSE 80 443/tcp", "EXPOSE 53/udp").document()
    assert list(document["ExposedPorts"]) == ["443/tcp", "53/udp", "80/tcp"]
    assert "Healthcheck" not in document
    assert document["Labels"] is None


def test_the_documents_order_is_dockers() -> None:
    assert list(stage("SHELL [\"a\"]").document()) == [
        "Hostname", "Domainname", "User", "AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin",
        "StdinOnce", "Env", "Cmd", "Image", "Volumes", "WorkingDir", "Entrypoint", "OnBuild", "Labels", "Shell",
    ]  # fmt: skip


def test_a_healthcheck_inherits_what_it_does_not_say() -> None:
    config = stage("HEALTHCHECK --interval=5s --retries=2 CMD a", 'HEALTHCHECK --timeout=1s CMD ["b"]')
    assert config.document()["Healthcheck"] == {
        "Test": ["CMD", "b"], "Interval": 5_000_000_000, "Retries": 2, "Timeout": 1_000_000_000,
    }  # fmt: skip


def test_a_base_images_triggers_are_taken_and_not_passed_on() -> None:
    config = StageConfig({"OnBuild": ["RUN x"], "OpenStdin": True})
    assert config.triggers == ("RUN x",)
    assert config.document()["OnBuild"] is None
    assert config.document()["OpenStdin"] is False
