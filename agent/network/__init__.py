"""Networks, sandboxes, published ports and names: implements `agent.ports.network`.

Values: `ipam` (addresses), `definition` (what a network is, from what was asked), `sandbox` (a container's place).
Kernel: `netlink`, `links`, `conntrack`, `nftables`, all used on the one thread of `worker`; `firewall` (our table).
Names: `dns` (messages), `zone` (who has which name), `resolver` (sockets), `upstream`, `resolv_conf`.
Ports: `publishing` (allocation and reservation), `proxy` (what the kernel cannot translate). `networking` composes.
"""
