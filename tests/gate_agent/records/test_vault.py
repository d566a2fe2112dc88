"""The vault: bounded, by handle, overwritten when wiped."""

import pytest

from gate_agent.records.vault import MAX_HANDLES, MAX_PAYLOAD_BYTES, Vault, VaultError


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
    assert [vault.get(handle) for handle in ("h1", "h2", "h3")] == [None, b"x", b"x"]


def test_too_much_and_twice_are_refused():
    vault = Vault()
    with pytest.raises(VaultError, match="exceeds"):
        vault.put(1, {"big": bytes(MAX_PAYLOAD_BYTES + 1)})
    vault.put(1, {"h": b"x"})
    with pytest.raises(VaultError, match="twice"):
        vault.put(1, {"h": b"y"})


def test_what_comes_late_for_a_wiped_crossing_is_not_kept():
    vault = Vault()
    vault.put(7, {"h1": b"secret"})
    vault.wipe(7)
    vault.put(7, {"h2": b"late"})
    assert vault.get("h2") is None


def test_a_crossing_has_only_so_many_payloads():
    vault = Vault()
    vault.put(1, {str(n): b"x" for n in range(MAX_HANDLES)})
    with pytest.raises(VaultError, match="more than"):
        vault.put(1, {"one more": b"x"})
