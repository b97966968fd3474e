"""What touches the host: processes, mounts, namespaces, cgroup and durable files. Only this room spawns or mounts.

Modules: `syscalls` (raw kernel calls), `spawn` (child processes), `pidfds`, `mounts`, `paths` (resolution inside a
root), `files` (durable writes, locks), `namespaces`, `cgroups`, `kernel` (facts).
"""
