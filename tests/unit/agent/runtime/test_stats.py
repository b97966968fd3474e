"""Statistics of both cgroup versions, read from directories made for the test."""

from __future__ import annotations

from pathlib import Path

from agent.host.cgroups import Cgroup
from agent.runtime.stats import read_stats


def write(directory: Path, **files: str) -> str:
    directory.mkdir(parents=True)
    for name, text in files.items():
        (directory / name.replace("__", ".")).write_text(text)
    return str(directory)


def test_version_1(tmp_path: Path) -> None:
    cgroup = Cgroup(
        {
            "cpuacct": write(
                tmp_path / "cpuacct", cpuacct__usage="5000\n", cpuacct__usage_percpu="2000 3000 \n",
                cpuacct__stat="user 2\nsystem 3\n",
            ),
            "cpu": write(tmp_path / "cpu", cpu__stat="nr_periods 10\nnr_throttled 4\nthrottled_time 99\n"),
            "memory": write(
                tmp_path / "memory", memory__usage_in_bytes="700", memory__max_usage_in_bytes="900",
                memory__limit_in_bytes="9223372036854771712", memory__failcnt="2", memory__stat="cache 1\nrss 2\n",
            ),
            "pids": write(tmp_path / "pids", pids__current="7", pids__max="max"),
            "blkio": write(
                tmp_path / "blkio", blkio__io_service_bytes_recursive="Total 0\n",
                blkio__throttle__io_service_bytes="8:0 Read 1\n8:0 Write 2\n8:0 Total 3\nTotal 3\n",
                blkio__time_recursive="8:0 44\n",
            ),
            "unified": write(tmp_path / "unified", memory__current="1"),
        }
    )  # fmt: skip
    sample = read_stats(cgroup)
    assert sample.cgroup_version == 1
    assert (sample.cpu_total_ns, sample.percpu_ns) == (5000, (2000, 3000))
    assert (sample.cpu_user_ns, sample.cpu_system_ns) == (20_000_000, 30_000_000)
    assert (sample.throttling_periods, sample.throttled_periods, sample.throttled_time_ns) == (10, 4, 99)
    assert (sample.memory_usage_bytes, sample.memory_max_usage_bytes, sample.memory_failcnt) == (700, 900, 2)
    assert (sample.memory_limit_bytes, sample.pids_limit, sample.pids_current) == (None, None, 7)
    assert sample.memory_stats == {"cache": 1, "rss": 2}
    assert list(sample.blkio["io_service_bytes_recursive"]) == [
        (8, 0, "Read", 1),
        (8, 0, "Write", 2),
        (8, 0, "Total", 3),
    ]
    assert list(sample.blkio["io_time_recursive"]) == [(8, 0, "", 44)]
    assert list(sample.blkio["sectors_recursive"]) == []


def test_version_2(tmp_path: Path) -> None:
    directory = write(
        tmp_path / "group",
        cpu__stat="usage_usec 5\nuser_usec 2\nsystem_usec 3\nnr_periods 1\nnr_throttled 2\nthrottled_usec 3\n",
        memory__current="700", memory__max="1024", memory__stat="anon 5\ninactive_file 6\n",
        memory__events="low 0\noom 3\noom_kill 1\n", pids__current="4", pids__max="10",
        io__stat="8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n253:1 rbytes=9 wbytes=0\n",
    )  # fmt: skip
    cgroup = Cgroup({"unified": directory})
    sample = read_stats(cgroup)
    assert sample.cgroup_version == 2
    assert (sample.cpu_total_ns, sample.cpu_user_ns, sample.cpu_system_ns) == (5000, 2000, 3000)
    assert (sample.throttling_periods, sample.throttled_periods, sample.throttled_time_ns) == (1, 2, 3000)
    assert (sample.memory_usage_bytes, sample.memory_limit_bytes, sample.memory_failcnt) == (700, 1024, 3)
    assert sample.memory_max_usage_bytes is None
    assert (sample.pids_current, sample.pids_limit) == (4, 10)
    assert list(sample.blkio["io_service_bytes_recursive"]) == [
        (8, 0, "read", 1), (8, 0, "write", 2), (253, 1, "read", 9), (253, 1, "write", 0),
    ]  # fmt: skip
    assert cgroup.oom_kills() == 1


def test_a_group_that_is_gone_reads_as_nothing(tmp_path: Path) -> None:
    sample = read_stats(Cgroup({"unified": str(tmp_path / "gone")}))
    assert (sample.cpu_total_ns, sample.memory_usage_bytes, sample.pids_current) == (0, 0, 0)
