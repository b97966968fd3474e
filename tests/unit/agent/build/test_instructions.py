"""Docker 26.1's complaints about instructions that are used wrongly (asked of a real engine), and typed values."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.build.instructions import Copy, Env, From, Healthcheck, Run, parse_instructions
from agent.build.syntax import parse_dockerfile
from wire.errors import Invalid


def parse(text: str) -> list[object]:
    return list(parse_instructions(parse_dockerfile(text)))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("FOO bar", "unknown instruction: FOO (did you mean FROM?)"),
        ("MAINTANER x", "unknown instruction: MAINTANER (did you mean MAINTAINER?)"),
        ("run: x", "unknown instruction: run: (did you mean run?)"),
        ("FROM", "FROM requires either one or three arguments"),
        ("FROM a b", "FROM requires either one or three arguments"),
        ("FROM a AS 9x", 'invalid name for build stage: "9x", name can\'t start with a number or contain symbols'),
        (
            "COPY a",
            "COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        ("ENV", "ENV requires at least one argument"),
        ("ENV =b", "ENV names can not be blank"),
        ("ARG", "ARG requires at least one argument"),
        ("EXPOSE", "EXPOSE requires at least one argument"),
        ("USER", "USER requires exactly one argument"),
        ("WORKDIR", "WORKDIR requires exactly one argument"),
        ("VOLUME", "VOLUME requires at least one argument"),
        ('VOLUME [""]', "VOLUME specified can not be an empty string"),
        ("SHELL sh", "SHELL requires the arguments to be in JSON form"),
        ("SHELL []", "SHELL requires at least one argument"),
        ("ONBUILD", "ONBUILD requires at least one argument"),
        ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
        ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
        ("HEALTHCHECK FOO", 'Unknown type "FOO" in HEALTHCHECK (try CMD)'),
        ("HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK --interval=x CMD a", 'time: invalid duration "x"'),
        ("HEALTHCHECK --interval=1us CMD a", 'Interval "interval" cannot be less than 1ms'),
        ("HEALTHCHECK --interval CMD a", "missing a value on flag: interval"),
        ("HEALTHCHECK --retries=-1 CMD a", "--retries cannot be negative (-1)"),
        ("HEALTHCHECK --retries=x CMD a", 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("RUN --foo=1 echo", "unknown flag: foo"),
        ("COPY --foo=1 a b", "unknown flag: foo (did you mean from?)"),
        ("COPY --from=a --from=b a b", "duplicate flag specified: from"),
        ("COPY --link=zz a b", "expecting boolean value for flag link, not: zz"),
        ("RUN --security=insecure x", "unknown flag: security"),
        ("RUN --network=wide x", 'invalid network mode "wide"'),
        ("RUN --mount=type=magic,target=/x y", 'unsupported mount type "magic"'),
        ("RUN --mount=type=tmpfs y", 'invalid mount target ""'),
        ("COPY a <<EOF\nEOF", "COPY cannot accept a heredoc as a destination"),
    ],
)
def test_wrong_use_names_the_line(line: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(f"FROM busybox\n{line}\n")
    assert caught.value.message == f"dockerfile parse error on line 2: {message}"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ENV a", "ENV must have two arguments"),
        ("ENV --foo a", "ENV must have two arguments"),
        ("LABEL a", "LABEL must have two arguments"),
        ("ENV a=b c", 'Syntax error - can\'t find = in "c". Must be of the form: name=value'),
        (r"ENV a=b \"c", r"""Syntax error - can't find = in "\\\"c". Must be of the form: name=value"""),
        ("ONBUILD LABEL a", "LABEL must have two arguments"),
        ("RUN [1]", "when using JSON array syntax, arrays must be comprised of strings only"),
    ],
)
def test_wrong_words_are_found_first(line: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(f"FROM busybox\nFOO\n{line}\n")
    assert caught.value.message == f"failed to parse Dockerfile: {message}"


def test_stages_and_their_flags() -> None:
    (stage,) = parse("FROM --platform=linux/arm64 busybox As Foo\n")
    assert isinstance(stage, From)
    assert (stage.base, stage.name, stage.platform) == ("busybox", "foo", "linux/arm64")


def test_what_follows_a_json_array_is_not_looked_at() -> None:
    _, run = parse('FROM a\nRUN ["a", "b"] x\n')
    assert isinstance(run, Run)
    assert run.command.exec_form
    assert run.command.words == ("a", "b")


def test_a_json_array_that_is_none_is_for_the_shell() -> None:
    _, run = parse("FROM a\nRUN ['a']\n")
    assert isinstance(run, Run)
    assert not run.command.exec_form
    assert run.command.words == ("['a']",)


def test_old_form_of_env_keeps_blanks_and_quotes() -> None:
    _, env = parse("FROM a\nENV m n  o  'p'\n")
    assert isinstance(env, Env)
    assert env.pairs == (("m", "n  o  'p'"),)


def test_inline_documents_are_no_paths() -> None:
    _, copy = parse("FROM a\nCOPY x <<A <<B /d/\n1\nA\n2\nB\n")
    assert isinstance(copy, Copy)
    assert copy.sources == ("x",)
    assert [document.content for document in copy.documents] == ["1\n", "2\n"]


def test_healthcheck_times() -> None:
    _, check = parse('FROM a\nHEALTHCHECK --interval=1m30s --timeout=250ms --retries=3 CMD ["a", "b"]\n')
    assert isinstance(check, Healthcheck)
    assert (check.test, check.interval_ns, check.timeout_ns, check.retries) == (
        ("CMD", "a", "b"), 90_000_000_000, 250_000_000, 3,
    )  # fmt: skip


def test_mounts() -> None:
    _, run = parse(
        "FROM a\nRUN --mount=type=cache,id=k,dst=/c,sharing=locked,mode=0700 --mount=target=/b,src=x,from=s,rw true\n"
    )
    assert isinstance(run, Run)
    cache, bind = run.mounts
    assert (cache.type, cache.cache_id, cache.target, cache.sharing, cache.mode) == (
        "cache",
        "k",
        "/c",
        "locked",
        0o700,
    )
    assert (bind.type, bind.source, bind.from_, bind.read_only) == ("bind", "x", "s", False)


@settings(deadline=None)
@given(
    st.sampled_from(["ENV", "COPY", "RUN", "HEALTHCHECK", "ONBUILD", "ARG", "LABEL", "VOLUME"]), st.text(max_size=60)
)
def test_any_arguments_are_typed_or_refused(keyword: str, rest: str) -> None:
    refusals = ("dockerfile parse error on line", "failed to parse Dockerfile: ")
    try:
        parse(f"FROM a\n{keyword} {rest}\n")
        message = refusals[0]
    except Invalid as error:
        message = error.message
    assert message.startswith(refusals)
