"""The doctor on hosts that lack something."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.host import doctor, facts
from agent.host.cgroups import Hierarchy, Layout


def codes(data: Path) -> set[str]:
    return {finding.code for finding in doctor.examine(data)}


def test_a_data_directory_that_does_not_exist_yet_is_no_problem(tmp_path: Path) -> None:
    assert not {code for code in codes(tmp_path / "a" / "b") if code.startswith("unreadable")}


def test_missing_programs_are_errors_and_come_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    findings = doctor.examine(tmp_path)
    assert {"no-conmon", "no-runtime"} <= {finding.code for finding in findings if finding.severity == "error"}
    ranks = [("error", "warning", "info").index(finding.severity) for finding in findings]
    assert ranks == sorted(ranks)


def test_leftover_controllers_of_a_hybrid_host_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unified = tmp_path / "unified"
    unified.mkdir()
    (unified / "cgroup.controllers").write_text("hugetlb misc\n")
    v1 = [Hierarchy(f"/cg/{name}", "/", (name,), unified=False) for name in ("memory", "cpu", "pids")]
    layout = Layout((*v1, Hierarchy(str(unified), "/", (), unified=True)))
    monkeypatch.setattr("agent.host.cgroups.read_layout", lambda: layout)
    leftover = next(finding for finding in doctor.examine(tmp_path) if finding.code == "cgroup-leftover")
    assert "hugetlb, misc" in leftover.title


def test_a_check_that_cannot_be_made_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fails() -> Layout:
        raise PermissionError("no")

    monkeypatch.setattr("agent.host.cgroups.read_layout", fails)
    assert "unreadable-cgroups" in codes(tmp_path)


def test_facts_are_within_reason(tmp_path: Path) -> None:
    read = facts.HostFacts(tmp_path).read()
    memory, used = read["memory_bytes"], read["memory_used_bytes"]
    assert isinstance(memory, int)
    assert isinstance(used, int)
    assert 0 < used < memory
    assert read["cpu_percent"] is None
