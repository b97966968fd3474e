"""Notes of sets as nft 1.0.6 and 1.1.3 wrote them, and which of them ended the former when it read them."""

from __future__ import annotations

import pytest

from agent.network.foreign_sets import is_deadly


@pytest.mark.parametrize(
    ("notes", "deadly"),
    [
        ("00040200000003080004040000000100", True),  # 1.1.3: type ipv4_addr
        ("0004020000000104000000000308000404000000010004080004040000000100060400000000", True),  # a map
        ("0004020000000314000407000000010c00040c00000001040b000000", False),  # 1.1.3: typeof ip saddr
        ("000400000000031200040d000000010a00000004040000000100", False),  # 1.1.3: a concatenation
        ("000401000000", False),  # 1.0.6: type ifname
        ("000400000000030800040d0000000100", False),  # 1.0.6: a concatenation
        ("", False),
        ("03ff00", False),  # cut short
    ],
)  # fmt: skip
def test_newer_notes_are_known(notes: str, deadly: bool) -> None:
    assert is_deadly(bytes.fromhex(notes)) is deadly
