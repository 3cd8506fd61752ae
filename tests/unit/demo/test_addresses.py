"""The address plan of the small internets."""

from ipaddress import ip_address, ip_network

import pytest

from mailstack.demo.addresses import SLOTS, TEST_RANGE, Plan


def test_slots_share_no_address() -> None:
    """Two small internets must be able to run side by side."""
    networks = [Plan(slot).network for slot in range(SLOTS)]
    assert len(set(networks)) == SLOTS
    assert all(network.subnet_of(TEST_RANGE) for network in networks)
    assert not any(a.overlaps(b) for a in networks for b in networks if a is not b)


def test_only_our_end_is_not_outside() -> None:
    """Every outside address can be sent from; our own end and the name server are none of them."""
    plan = Plan(7)
    outside = [plan.friend, plan.other, *(plan.stranger(number) for number in range(40))]
    for address in outside:
        assert any(ip_address(address) in network for network in plan.outside)
    for address in (plan.stack, plan.nameserver):
        assert not any(ip_address(address) in network for network in plan.outside)


def test_strangers_are_distinct_and_neighbours_are_not() -> None:
    """Greylisting tells clients apart by their /24; strangers in a row must not share one."""
    plan = Plan(0)
    strangers = [plan.stranger(number) for number in range(40)]
    assert len(set(strangers)) == 40
    first = {ip_network(f"{address}/24", strict=False) for address in strangers[:13]}
    assert len(first) == 13


def test_interface_names_fit_the_kernel() -> None:
    """Names of network interfaces hold 15 octets, and the other end has one more letter."""
    assert len(Plan(SLOTS - 1).interface) + 1 <= 15


@pytest.mark.parametrize("slot", [-1, SLOTS])
def test_a_slot_outside_the_range_is_refused(slot: int) -> None:
    """There are as many small internets as the range holds."""
    with pytest.raises(ValueError, match="not within"):
        Plan(slot)
