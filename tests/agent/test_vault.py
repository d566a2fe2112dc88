"""The vault: bounded, by handle, overwritten when wiped."""

import pytest

from gate_agent.vault import MAX_PAYLOAD_BYTES, Vault, VaultError


def test_a_handle_gives_its_payload_until_it_is_wiped():
    vault = Vault()
    vault.put(7, {"h1": b"secret"})
    assert vault.get("h1") == b"secret"
    vault.wipe(7)
    assert vault.get("h1") is None


def test_wiping_overwrites_the_buffer():
    vault = Vault()
    vault.put(7, {"h1": b"secret"})
    buffer = vault._tickets[7]["h1"]
    vault.wipe(7)
    assert buffer == bytearray(6)


def test_a_third_crossing_pushes_out_the_first():
    vault = Vault()
    for ticket in (1, 2, 3):
        vault.put(ticket, {f"h{ticket}": b"x"})
    assert vault.tickets() == (2, 3)
    assert vault.get("h1") is None


def test_too_much_and_twice_are_refused():
    vault = Vault()
    with pytest.raises(VaultError, match="exceeds"):
        vault.put(1, {"big": bytes(MAX_PAYLOAD_BYTES + 1)})
    vault.put(1, {"h": b"x"})
    with pytest.raises(VaultError, match="twice"):
        vault.put(1, {"h": b"y"})
