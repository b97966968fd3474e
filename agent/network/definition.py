"""What a network is: the checks and defaults between what a user asked for and what is kept. Pure, no I/O.

The texts are those of Docker Engine 26.1 (`ValidateIPAM`, the bridge driver's option parser, the network controller).
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from agent.network import ipam
from agent.ports.network import EndpointSpec, IpamPool, Network, NetworkSpec
from wire.errors import Forbidden, Internal, Invalid, MooringError, NotFound, Unsupported

__all__ = [
    "BRIDGE_NAME", "DEFAULT_BRIDGE", "DEFAULT_ENDPOINT_LIMIT", "PREDEFINED", "BridgeOptions", "Definition",
    "check_endpoint", "check_spec", "dns_names", "kernel_refusal", "mac_of", "resolve", "resolve_pools",
    "sandbox_refusal",
]  # fmt: skip

PREDEFINED = ("bridge", "host", "none")
BRIDGE_NAME = "com.docker.network.bridge.name"
DEFAULT_BRIDGE = "com.docker.network.bridge.default_bridge"
_ICC = "com.docker.network.bridge.enable_icc"
_MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
_HOST_BINDING = "com.docker.network.bridge.host_binding_ipv4"
_INHIBIT_IPV4 = "com.docker.network.bridge.inhibit_ipv4"
_MTU = "com.docker.network.driver.mtu"
_SOURCE4 = "com.docker.network.host_ipv4"
_SOURCE6 = "com.docker.network.host_ipv6"
_INTERFACE_PREFIX = "com.docker.network.container_iface_prefix"
_PARENT = "parent"
_MACVLAN_MODE = "macvlan_mode"

DEFAULT_ENDPOINT_LIMIT = 1023  # ports of a Linux bridge (BR_MAX_PORTS less the reserved 0)

_TRUE = {"1", "t", "T", "TRUE", "true", "True"}
_FALSE = {"0", "f", "F", "FALSE", "false", "False"}
_LINK_NAME = re.compile(r"[^\s/:]{1,15}")
_MAC = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}")


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A network as it is kept in storage. `subnet4`, `gateway4` … are what was settled; `spec` is what is shown."""

    id: str
    created_at: float
    spec: NetworkSpec
    predefined: bool = False
    link: str = ""  # the bridge's interface; "" for host, none, macvlan and config-only networks
    owns_link: bool = True  # False: the interface was there before us and stays
    subnet4: str = ""
    range4: str = ""
    gateway4: str = ""
    subnet6: str = ""
    range6: str = ""
    gateway6: str = ""
    aux_addresses: dict[str, str] = {}
    user_subnets: bool = False  # static addresses are allowed only then

    @property
    def public(self) -> Network:
        return Network(id=self.id, created_at=self.created_at, spec=self.spec, predefined=self.predefined)

    @property
    def user_defined(self) -> bool:
        """Has names, aliases and its own resolver."""
        return not self.predefined


@dataclass(frozen=True, slots=True)
class BridgeOptions:
    """The driver options of a network, parsed."""

    name: str = ""
    icc: bool = True
    masquerade: bool = True
    inhibit_ipv4: bool = False  # the bridge gets no IPv4 address
    host_binding: str = "0.0.0.0"
    source4: str = ""  # what leaves the network gets this source instead of the outgoing link's
    source6: str = ""
    interface_prefix: str = "eth"
    mtu: int = 1500
    parent: str = ""
    macvlan_mode: str = "bridge"

    @classmethod
    def parse(cls, options: Mapping[str, str]) -> BridgeOptions:
        """Unknown options are kept and ignored, as Docker does. Invalid names the option and Go's parse error."""
        name = options.get(BRIDGE_NAME, "")
        if len(name.encode()) > 15:
            raise Internal("numerical result out of range")  # what the kernel says of it
        if name and not _LINK_NAME.fullmatch(name):
            raise Invalid(f"invalid bridge name: {name}")
        binding = options.get(_HOST_BINDING, "0.0.0.0")
        if ipam.parse_address(binding) is None:
            raise Invalid(f"failed to parse {_HOST_BINDING} value: {binding} (nil ip)")
        mode = options.get(_MACVLAN_MODE, "bridge") or "bridge"
        if mode not in ("bridge", "private", "vepa", "passthru"):
            raise Invalid(f"requested macvlan mode '{mode}' is not valid, 'bridge' mode is the macvlan driver default")
        return cls(
            name=name,
            icc=_boolean(options, _ICC, True),
            masquerade=_boolean(options, _MASQUERADE, True),
            inhibit_ipv4=_boolean(options, _INHIBIT_IPV4, False),
            host_binding=binding,
            source4=_address(options, _SOURCE4, 4),
            source6=_address(options, _SOURCE6, 6),
            interface_prefix=_interface_prefix(options),
            mtu=_integer(options, _MTU, 1500),
            parent=options.get(_PARENT, ""),
            macvlan_mode=mode,
        )


def _address(options: Mapping[str, str], key: str, version: int) -> str:
    value = options.get(key, "")
    address = ipam.parse_address(value)
    if value and (address is None or address.version != version):
        raise Invalid(f"failed to parse {key} value: {value} (nil ip)")
    return value


def _interface_prefix(options: Mapping[str, str]) -> str:
    value = options.get(_INTERFACE_PREFIX, "") or "eth"
    if not re.fullmatch(r"[^\s/:%]{1,11}", value) or value == "lo":
        raise Invalid(f"invalid container interface prefix: {value}")
    return value


def _boolean(options: Mapping[str, str], key: str, default: bool) -> bool:
    value = options.get(key)
    if value is None:
        return default
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise Invalid(f'failed to parse {key} value: {value} (strconv.ParseBool: parsing "{value}": invalid syntax)')


def _integer(options: Mapping[str, str], key: str, default: int) -> int:
    value = options.get(key, "")
    if not value:
        return default
    if not re.fullmatch(r"[+-]?[0-9]+", value):
        raise Invalid(f'failed to parse {key} value: {value} (strconv.Atoi: parsing "{value}": invalid syntax)')
    number = int(value)
    if number < 0:
        raise Invalid(f"invalid MTU number: {number}")
    if number > 65535:
        raise Internal("invalid argument")  # what the kernel says of it
    return number or default


def joined(problems: Sequence[str]) -> str:
    """Several errors in the way Go's multierror prints them; one stands alone."""
    return problems[0] if len(problems) == 1 else "\n".join(f"* {problem}" for problem in problems)


def check_spec(spec: NetworkSpec) -> None:
    """Raise for a specification that can never become a network. Nothing that exists is looked at."""
    if not spec.name.strip():
        raise Invalid(f"invalid name: {spec.name}")
    if spec.name in (*PREDEFINED, "default"):
        raise Forbidden(f"operation is not permitted on predefined {spec.name} network ")
    if spec.scope == "swarm":
        raise Forbidden("cannot create a swarm scoped network when swarm is not active")
    if spec.ingress:
        raise Forbidden("Ingress network can only be global scope network")
    problems = [problem for pool in spec.pools for problem in _pool_problems(pool, spec.enable_ipv6)]
    if problems:
        raise Invalid(f"invalid network config:\n{joined(problems)}")
    if spec.config_only:
        return
    if spec.driver == "overlay":
        raise Forbidden(
            'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to '
            "swarm and try again."
        )
    if spec.driver in ("host", "null"):
        raise Forbidden(f'only one instance of "{spec.driver}" network is allowed')
    if spec.driver == "ipvlan":
        raise Unsupported("ipvlan networks are not supported by this engine: use the macvlan or the bridge driver")
    if spec.driver not in ("bridge", "macvlan"):
        raise NotFound(f'plugin "{spec.driver}" not found')
    if spec.ipam_driver == "null":
        raise Invalid("ipv4 pool is empty")
    if spec.ipam_driver not in ("", "default"):
        raise NotFound(f'plugin "{spec.ipam_driver}" not found')
    version_counts = {4: 0, 6: 0}
    for pool in spec.pools:
        subnet = ipam.parse_subnet(pool.subnet)
        if subnet is not None:
            version_counts[subnet.version] += 1
    if version_counts[4] > 1 or (spec.enable_ipv6 and version_counts[6] > 1):
        raise Forbidden(f"{spec.driver} driver doesn't support multiple subnets")


def _pool_problems(pool: IpamPool, enable_ipv6: bool) -> Iterable[str]:
    subnet = ipam.parse_subnet(pool.subnet)
    if subnet is None:
        yield f"invalid subnet {pool.subnet}: invalid CIDR block notation"
        return
    if subnet.version == 6 and not enable_ipv6:
        return
    if str(subnet) != _canonical(pool.subnet):
        yield f"invalid subnet {pool.subnet}: it should be {subnet}"
    family = f"IPv{subnet.version}"
    if pool.ip_range:
        yield from (f"invalid ip-range {pool.ip_range}: {text}" for text in _range_problems(pool.ip_range, subnet))
    addresses = [(f"gateway {pool.gateway}", pool.gateway)] if pool.gateway else []
    addresses += [(f"auxiliary address {name}", text) for name, text in pool.aux_addresses.items()]
    for what, text in addresses:
        address = ipam.parse_address(text)
        if address is None:
            yield f"invalid {what}: invalid address"
        elif address.version != subnet.version:
            yield f"invalid {what}: parent subnet is an {family} block"
        elif address not in subnet:
            yield f"invalid {what}: parent subnet {subnet} doesn't contain this address"


def _range_problems(text: str, subnet: ipam.Subnet) -> Iterable[str]:
    ip_range = ipam.parse_subnet(text)
    if ip_range is None:
        yield "invalid CIDR block notation"
        return
    if ip_range.version != subnet.version:
        yield f"parent subnet is an IPv{subnet.version} block"
        return
    if ip_range.prefixlen < subnet.prefixlen:
        yield f"CIDR block is bigger than its parent subnet {subnet}"
    elif str(ip_range) != _canonical(text):
        yield f"it should be {ip_range}"
    elif not subnet.overlaps(ip_range):
        yield f"parent subnet {subnet} doesn't contain ip-range"


def _canonical(text: str) -> str:
    """The CIDR text with its address in canonical spelling, host bits kept."""
    address, _, prefix = text.partition("/")
    return f"{ipam.parse_address(address)}/{prefix}"


def resolve_pools(
    definition: Definition,
    *,
    networks: Iterable[Definition],
    host_subnets: Iterable[ipam.Subnet],
    defaults: ipam.DefaultSubnets,
    seed: str,
) -> Definition:
    """Return `definition` with its subnets, ranges and gateways settled.

    A subnet that was asked for must not overlap another network's (Forbidden, Docker's text); one that was not is
    the next of `defaults`, also clear of the host's own routes. `seed` makes the host's IPv6 prefix.
    """
    spec = definition.spec
    used = [
        subnet for other in networks for text in (other.subnet4, other.subnet6) if (subnet := ipam.parse_subnet(text))
    ]
    given = {4: None, 6: None} | {
        subnet.version: pool
        for pool in spec.pools
        if (subnet := ipam.parse_subnet(pool.subnet)) and (subnet.version == 4 or spec.enable_ipv6)
    }
    shown = list(spec.pools)
    settled: dict[str, str] = {}
    aux: dict[str, str] = {}
    for version in (4, 6):
        if version == 6 and not spec.enable_ipv6:
            continue
        pool = given[version]
        if pool is not None:
            subnet = ipam.parse_subnet(pool.subnet)
            assert subnet is not None
            if any(other.version == version and other.overlaps(subnet) for other in used):
                raise Forbidden("Pool overlaps with other one on this address space")
            gateway = _reserve(ipam.AddressPool(subnet, ip_range=ipam.parse_subnet(pool.ip_range)), pool)
            aux |= pool.aux_addresses
            settled |= {f"range{version}": pool.ip_range}
        else:
            taken = [*used, *host_subnets]
            subnet = defaults.choose(taken) if version == 4 else ipam.choose_subnet6(taken, seed)
            gateway = str(subnet.network_address + 1)
            shown.append(IpamPool(subnet=str(subnet), gateway=gateway))
        settled |= {f"subnet{version}": str(subnet), f"gateway{version}": gateway}
    return msgspec.structs.replace(
        definition,
        spec=replace(spec, pools=tuple(shown)),
        aux_addresses=aux,
        user_subnets=any(pool.subnet for pool in spec.pools),
        **settled,
    )


def _reserve(addresses: ipam.AddressPool, pool: IpamPool) -> str:
    """Return the gateway, the lowest free address unless one was asked for. Internal with Docker's text when that or an
    auxiliary address is not to be had; the gateway comes first, as in Docker."""
    try:
        asked = ipam.parse_address(pool.gateway)
        if asked is None:
            gateway = str(addresses.take())
        else:
            gateway = pool.gateway
            addresses.take_this(asked)
    except Forbidden as error:
        raise Internal(f"failed to allocate gateway ({pool.gateway}): {error.message}") from error
    for name, text in pool.aux_addresses.items():
        address = ipam.parse_address(text)
        try:
            if address is not None:
                addresses.take_this(address)
        except Forbidden as error:
            raise Internal(f"failed to allocate secondary ip address ({name}:{text}): {error.message}") from error
    return gateway


def check_endpoint(definition: Definition, spec: EndpointSpec) -> None:
    """Raise Invalid for endpoint settings this network can never give. Nothing is reserved."""
    problems: list[str] = []
    default = definition.predefined
    wanted = [(4, spec.ipv4_address), (6, spec.ipv6_address)]
    if default and any(text for _, text in wanted):
        problems.append("user specified IP address is supported on user defined networks only")
    if default and spec.aliases:
        problems.append("network-scoped alias is supported only for containers in user defined networks")
    for version, text in wanted:
        if not text:
            continue
        address = ipam.parse_address(text)
        if address is None or address.version != version:
            problems.append(f"invalid IPv{version} address: {text}")
    for version, text in wanted:
        if not text:
            continue
        address = ipam.parse_address(text)
        found = [ipam.parse_subnet(pool.subnet) for pool in definition.spec.pools]
        subnets = [subnet for subnet in found if subnet is not None and subnet.version == version]
        if not definition.user_subnets or not subnets:
            problems.append(
                "user specified IP address is supported only when connecting to networks with user configured subnets"
            )
            continue
        # A subnet of a family that is not enabled may be asked for all the same; nothing comes of it.
        if address is None or not any(address in subnet for subnet in subnets):
            problems.append(f"no configured subnet or ip-range contain the IP address {text}")
    if problems:
        raise Invalid(f"invalid endpoint settings:\n{joined(problems)}")
    if spec.mac_address and not _MAC.fullmatch(spec.mac_address):
        raise Invalid(f"invalid MAC address {spec.mac_address}")


def kernel_refusal(what: str, error: OSError, end: str = "") -> MooringError:
    """An error for a refusal of the kernel that no check of ours foresaw."""
    return Internal(f"{what}: {(error.strerror or str(error)).lower()}{end}")


def sandbox_refusal(error: OSError) -> MooringError:
    """The same for a namespace; a sysctl that cannot be set is told as Docker's runtime tells it."""
    name = str(error.filename or "")
    if not name.startswith("net."):
        return kernel_refusal(f"cannot make a network namespace ({name})", error)
    missing = error.errno == errno.ENOENT
    verb = "open" if missing else "write"
    refusal = kernel_refusal(
        "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create "
        "failed: unable to start container process: error during container init: "
        f"{verb} /proc/sys/{name.replace('.', '/')}",
        error,
        ": unknown",
    )
    return Invalid(refusal.message, exit_code=127) if missing else refusal


def resolve(ref: str, known: Mapping[str, Definition]) -> Definition:
    """Return the network a user means: by full id, by name, by an id prefix that only one has.

    NotFound: `network REF not found`. Invalid when a prefix fits several.
    """
    if ref in known:
        return known[ref]
    for definition in known.values():
        if definition.spec.name == ref:
            return definition
    found = [definition for id_, definition in known.items() if ref and id_.startswith(ref)]
    if len(found) > 1:
        raise Invalid(f"network {ref} is ambiguous ({len(found)} matches found based on ID prefix)")
    if not found:
        raise NotFound(f"network {ref} not found")
    return found[0]


def dns_names(container_id: str, container_name: str, aliases: Sequence[str], hostname: str) -> tuple[str, ...]:
    """The names a container has on a user-defined network, in Docker's order, each once."""
    return tuple(dict.fromkeys(name for name in (container_name, *aliases, container_id[:12], hostname) if name))


def mac_of(ipv4_address: str) -> str:
    """The MAC address Docker gives with an IPv4 address: 02:42 and its four bytes."""
    return "02:42:" + ":".join(f"{int(part):02x}" for part in ipv4_address.split("."))
