"""Container request and stored shapes of the Engine API: Config, HostConfig, NetworkingConfig, create, update.

Field order is Docker's, since `inspect` prints these as they are.
"""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType, field

from wire.engine.shape import Shape

__all__ = [
    "BindOptions", "CommitRequest", "ContainerConfig", "CreateRequest", "DeviceMapping", "DeviceRequest",
    "EndpointIpamConfig", "EndpointSettings", "Healthcheck", "HostConfig", "HostPort", "LogConfig", "Mount",
    "NetworkingConfig", "Resources", "RestartPolicy", "StartRequest", "ThrottleDevice", "TmpfsOptions", "Ulimit",
    "UpdateRequest", "VolumeDriver", "VolumeOptions", "WeightDevice",
]  # fmt: skip

Empty = dict[str, object]
"""The `{}` that stands for membership in Docker's sets."""


class Healthcheck(Shape):
    """Durations are nanoseconds; a field left out is inherited from the image."""

    test: list[str] | UnsetType = UNSET
    interval: int | UnsetType = UNSET
    timeout: int | UnsetType = UNSET
    start_period: int | UnsetType = UNSET
    start_interval: int | UnsetType = UNSET
    retries: int | UnsetType = UNSET


class ContainerConfig(Shape):
    """What an image or a user says of the process and its surroundings, portable between hosts."""

    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    exposed_ports: dict[str, Empty] | UnsetType | None = UNSET
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: list[str] | None = None
    cmd: list[str] | str | None = None
    healthcheck: Healthcheck | UnsetType | None = UNSET
    args_escaped: bool | UnsetType = UNSET
    image: str = ""
    volumes: dict[str, Empty] | None = None
    working_dir: str = ""
    entrypoint: list[str] | str | None = None
    network_disabled: bool | UnsetType = UNSET
    mac_address: str | UnsetType = UNSET
    on_build: list[str] | None = None
    labels: dict[str, str] | None = None
    stop_signal: str | UnsetType = UNSET
    stop_timeout: int | UnsetType | None = UNSET
    shell: list[str] | str | UnsetType | None = UNSET


class LogConfig(Shape):
    type: str = ""
    config: dict[str, str] | None = None


class HostPort(Shape):
    """One host side of a published port; `host_port` is text, may be empty (any) or a range `8000-8010`."""

    host_ip: str = ""
    host_port: str = ""


class RestartPolicy(Shape):
    name: str = ""
    maximum_retry_count: int = 0


class WeightDevice(Shape):
    path: str = ""
    weight: int = 0


class ThrottleDevice(Shape):
    path: str = ""
    rate: int = 0


class DeviceMapping(Shape):
    path_on_host: str = ""
    path_in_container: str = ""
    cgroup_permissions: str = ""


class DeviceRequest(Shape):
    driver: str = ""
    count: int = 0
    device_ids: list[str] | None = field(default=None, name="DeviceIDs")
    capabilities: list[list[str]] | None = None
    options: dict[str, str] | None = None


class Ulimit(Shape):
    name: str = ""
    hard: int = 0
    soft: int = 0


class BindOptions(Shape):
    propagation: str | UnsetType = UNSET
    non_recursive: bool | UnsetType = UNSET
    create_mountpoint: bool | UnsetType = UNSET
    read_only_non_recursive: bool | UnsetType = UNSET
    read_only_force_recursive: bool | UnsetType = UNSET


class VolumeDriver(Shape):
    name: str | UnsetType = UNSET
    options: dict[str, str] | UnsetType | None = UNSET


class VolumeOptions(Shape):
    no_copy: bool | UnsetType = UNSET
    labels: dict[str, str] | UnsetType | None = UNSET
    subpath: str | UnsetType = UNSET
    driver_config: VolumeDriver | UnsetType | None = UNSET


class TmpfsOptions(Shape):
    size_bytes: int | UnsetType = UNSET
    mode: int | UnsetType = UNSET


class Mount(Shape):
    """One `--mount`."""

    type: str | UnsetType = UNSET
    source: str | UnsetType = UNSET
    target: str | UnsetType = UNSET
    read_only: bool | UnsetType = UNSET
    consistency: str | UnsetType = UNSET
    bind_options: BindOptions | UnsetType | None = UNSET
    volume_options: VolumeOptions | UnsetType | None = UNSET
    tmpfs_options: TmpfsOptions | UnsetType | None = UNSET


class Resources(Shape):
    """Limits, the part that `update` may change, as in HostConfig. Memory in bytes, times in microseconds."""

    cpu_shares: int = 0
    memory: int = 0
    nano_cpus: int = 0
    cgroup_parent: str = ""
    blkio_weight: int = 0
    blkio_weight_device: list[WeightDevice] | None = None
    blkio_device_read_bps: list[ThrottleDevice] | None = None
    blkio_device_write_bps: list[ThrottleDevice] | None = None
    blkio_device_read_iops: list[ThrottleDevice] | None = field(default=None, name="BlkioDeviceReadIOps")
    blkio_device_write_iops: list[ThrottleDevice] | None = field(default=None, name="BlkioDeviceWriteIOps")
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_realtime_period: int = 0
    cpu_realtime_runtime: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    devices: list[DeviceMapping] | None = None
    device_cgroup_rules: list[str] | None = None
    device_requests: list[DeviceRequest] | None = None
    kernel_memory: int | UnsetType = UNSET
    kernel_memory_tcp: int | UnsetType = field(default=UNSET, name="KernelMemoryTCP")
    memory_reservation: int = 0
    memory_swap: int = 0
    memory_swappiness: int | None = None
    oom_kill_disable: bool | None = None
    pids_limit: int | None = None
    ulimits: list[Ulimit] | None = None
    cpu_count: int = 0
    cpu_percent: int = 0
    io_maximum_iops: int = field(default=0, name="IOMaximumIOps")
    io_maximum_bandwidth: int = field(default=0, name="IOMaximumBandwidth")


class HostConfig(Shape):
    """What a user says of this host: limits, namespaces, mounts, ports, rights.

    The limits are repeated in `Resources`: Docker prints them in the middle, and a structure has one base.
    """

    binds: list[str] | None = None
    container_id_file: str = field(default="", name="ContainerIDFile")
    log_config: LogConfig = field(default_factory=LogConfig)
    network_mode: str = ""
    port_bindings: dict[str, list[HostPort] | None] | None = None
    restart_policy: RestartPolicy = field(default_factory=RestartPolicy)
    auto_remove: bool = False
    volume_driver: str = ""
    volumes_from: list[str] | None = None
    console_size: list[int] = field(default_factory=lambda: [0, 0])
    annotations: dict[str, str] | UnsetType | None = UNSET
    cap_add: list[str] | str | None = None
    cap_drop: list[str] | str | None = None
    cgroupns_mode: str = ""
    dns: list[str] | None = None
    dns_options: list[str] | None = None
    dns_search: list[str] | None = None
    extra_hosts: list[str] | None = None
    group_add: list[str] | None = None
    ipc_mode: str = ""
    cgroup: str = ""
    links: list[str] | None = None
    oom_score_adj: int = 0
    pid_mode: str = ""
    privileged: bool = False
    publish_all_ports: bool = False
    readonly_rootfs: bool = False
    security_opt: list[str] | None = None
    storage_opt: dict[str, str] | UnsetType | None = UNSET
    tmpfs: dict[str, str] | UnsetType | None = UNSET
    uts_mode: str = field(default="", name="UTSMode")
    userns_mode: str = ""
    shm_size: int = 0
    sysctls: dict[str, str] | UnsetType | None = UNSET
    runtime: str = ""
    isolation: str = ""
    cpu_shares: int = 0
    memory: int = 0
    nano_cpus: int = 0
    cgroup_parent: str = ""
    blkio_weight: int = 0
    blkio_weight_device: list[WeightDevice] | None = None
    blkio_device_read_bps: list[ThrottleDevice] | None = None
    blkio_device_write_bps: list[ThrottleDevice] | None = None
    blkio_device_read_iops: list[ThrottleDevice] | None = field(default=None, name="BlkioDeviceReadIOps")
    blkio_device_write_iops: list[ThrottleDevice] | None = field(default=None, name="BlkioDeviceWriteIOps")
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_realtime_period: int = 0
    cpu_realtime_runtime: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    devices: list[DeviceMapping] | None = None
    device_cgroup_rules: list[str] | None = None
    device_requests: list[DeviceRequest] | None = None
    kernel_memory: int | UnsetType = UNSET
    kernel_memory_tcp: int | UnsetType = field(default=UNSET, name="KernelMemoryTCP")
    memory_reservation: int = 0
    memory_swap: int = 0
    memory_swappiness: int | None = None
    oom_kill_disable: bool | None = None
    pids_limit: int | None = None
    ulimits: list[Ulimit] | None = None
    cpu_count: int = 0
    cpu_percent: int = 0
    io_maximum_iops: int = field(default=0, name="IOMaximumIOps")
    io_maximum_bandwidth: int = field(default=0, name="IOMaximumBandwidth")
    mounts: list[Mount] | UnsetType | None = UNSET
    masked_paths: list[str] | None = None
    readonly_paths: list[str] | None = None
    init: bool | UnsetType | None = UNSET


class EndpointIpamConfig(Shape):
    ipv4_address: str | UnsetType = field(default=UNSET, name="IPv4Address")
    ipv6_address: str | UnsetType = field(default=UNSET, name="IPv6Address")
    link_local_ips: list[str] | UnsetType | None = field(default=UNSET, name="LinkLocalIPs")


class EndpointSettings(Shape):
    """A container's place on one network: the first part is asked for, the rest is what came of it."""

    ipam_config: EndpointIpamConfig | None = field(default=None, name="IPAMConfig")
    links: list[str] | None = None
    aliases: list[str] | None = None
    mac_address: str = ""
    network_id: str = field(default="", name="NetworkID")
    endpoint_id: str = field(default="", name="EndpointID")
    gateway: str = ""
    ip_address: str = field(default="", name="IPAddress")
    ip_prefix_len: int = field(default=0, name="IPPrefixLen")
    ipv6_gateway: str = field(default="", name="IPv6Gateway")
    global_ipv6_address: str = field(default="", name="GlobalIPv6Address")
    global_ipv6_prefix_len: int = field(default=0, name="GlobalIPv6PrefixLen")
    driver_opts: dict[str, str] | None = None
    dns_names: list[str] | None = field(default=None, name="DNSNames")


class NetworkingConfig(Shape):
    endpoints_config: dict[str, EndpointSettings | None] | None = None


class CreateRequest(ContainerConfig):
    """Body of `POST /containers/create`."""

    host_config: HostConfig | None = None
    networking_config: NetworkingConfig | None = None


class StartRequest(Shape):
    """Body that ancient clients send with `start`; a HostConfig there is refused."""

    host_config: HostConfig | None = None


class UpdateRequest(Resources):
    """Body of `POST /containers/{id}/update`."""

    restart_policy: RestartPolicy = field(default_factory=RestartPolicy)


class CommitRequest(Struct, kw_only=True):
    """`POST /commit`: query and body in one value. `changes` are Dockerfile instructions, not yet parsed."""

    container: str = ""
    repo: str = ""
    tag: str = ""
    author: str = ""
    comment: str = ""
    pause: bool = True
    changes: list[str] = field(default_factory=list)
    config: ContainerConfig | None = None
