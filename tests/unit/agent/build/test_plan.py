"""Which stages a build needs, how steps are counted, and who sees which argument."""

from __future__ import annotations

import pytest

from agent.build.build_args import BuildArgs, platform_args
from agent.build.instructions import parse_instructions
from agent.build.plan import Plan, make_plan
from agent.build.syntax import parse_dockerfile
from wire.errors import Invalid

DIAMOND = """ARG BASE=busybox
FROM ${BASE} AS base
RUN a
FROM base AS left
RUN b
FROM base AS unused
RUN c
FROM scratch AS right
COPY --from=base /x /x
FROM left
COPY --from=right /x /y
RUN --mount=from=2,target=/m true
"""


def plan(text: str, **options: object) -> Plan:
    return make_plan(parse_instructions(parse_dockerfile(text)), **options)  # type: ignore[arg-type]


def built(text: str, **options: object) -> list[int]:
    return [stage.index for stage in plan(text, **options).stages]


def test_only_what_the_result_needs_is_built() -> None:
    assert built(DIAMOND.replace("RUN --mount=from=2,target=/m true\n", "")) == [0, 1, 3, 4]
    assert built(DIAMOND) == [0, 1, 2, 3, 4]
    assert built(DIAMOND, target="RIGHT") == [0, 3]
    assert built(DIAMOND, target="right", skip_unreachable=False) == [0, 1, 2, 3]


def test_steps_are_counted_over_what_is_built() -> None:
    assert plan(DIAMOND, target="left").step_count == 1 + 2 + 2


def test_references_of_from_may_name_stages() -> None:
    assert built("ARG S=one\nFROM a AS one\nFROM b AS two\nFROM $S\n") == [0, 2]
    options = BuildArgs({"S": "two"})
    assert built("ARG S=one\nFROM a AS one\nFROM b AS two\nFROM $S\n", build_args=options) == [1, 2]


def test_a_stage_sees_only_earlier_ones() -> None:
    made = plan("FROM a AS x\nCOPY --from=y /a /b\nFROM b AS y\nFROM x AS z\n")
    assert made.find_stage("Y", before=0) is None
    found = made.find_stage("Y", before=2)
    assert found is not None
    assert found.index == 1


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("RUN x\n", {}, "no build stage in current context"),
        ("ENV a=b\nFROM x\n", {}, "no build stage in current context"),
        ("FROM x AS a\n", {"target": "nope"}, 'target stage "nope" could not be found'),
        ("FROM x\nFROM y\n", {"target": "0"}, 'target stage "0" could not be found'),
    ],
)
def test_refusals(text: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(Invalid) as caught:
        plan(text, **options)
    assert caught.value.message == message


def test_labels_of_the_client_come_last_and_sorted() -> None:
    made = plan("FROM a AS x\nENV a=b\nFROM b\n", target="x", labels={"b": "$HOME", "a": "1"})
    assert [step.statement.original for step in made.stages[-1].instructions] == [
        "ENV a=b", "LABEL a=1", "LABEL b=$HOME",
    ]  # fmt: skip


def test_arguments_before_from_reach_a_stage_only_when_named() -> None:
    args = BuildArgs({"VERSION": "2"})
    args.declare_global("VERSION", "1")
    args.declare_global("OTHER", "x")
    stage = args.fork()
    assert stage.allowed([]) == []
    stage.declare("VERSION", None)
    stage.declare("OTHER", None)
    assert stage.allowed([]) == ["OTHER=x", "VERSION=2"]
    assert stage.allowed(["OTHER=env"]) == ["VERSION=2"]
    assert args.fork().allowed([]) == []


def test_proxies_are_seen_without_arg_and_stay_out_of_history() -> None:
    args = BuildArgs({"HTTP_PROXY": "p", "x": "1"}).fork()
    args.declare("x", None)
    assert args.allowed([]) == ["HTTP_PROXY=p", "x=1"]
    assert args.recorded(args.allowed([])) == ["x=1"]
    args.declare("HTTP_PROXY", None)
    assert args.recorded(args.allowed([])) == ["HTTP_PROXY=p", "x=1"]


def test_what_no_arg_took_is_told() -> None:
    args = BuildArgs({"b": "1", "a": "1", "used": "1", "no_proxy": "x"})
    args.fork().declare("used", None)
    assert args.unused() == ["a", "b"]


def test_an_argument_without_value_is_the_default() -> None:
    args = BuildArgs({"a": None}).fork()
    args.declare("a", "1")
    assert args.allowed([]) == ["a=1"]


def test_platform_arguments() -> None:
    args = BuildArgs({}, platform_args("linux/arm/v7", "linux/amd64")).fork()
    args.declare("TARGETVARIANT", None)
    args.declare("BUILDPLATFORM", None)
    assert args.allowed([]) == ["BUILDPLATFORM=linux/amd64", "TARGETVARIANT=v7"]
