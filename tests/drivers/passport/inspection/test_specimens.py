"""Every genuine specimen and forgery of the simulated issuer, judged by our reader."""

from dataclasses import replace
from datetime import date

import pytest

from drivers.passport.chip.apdu import Reconnect, Send
from drivers.passport.errors import TagLost
from drivers.passport.inspection.checks import overall
from drivers.passport.inspection.inspection import Inspection
from drivers.passport.mrz.zone import parse
from drivers.passport.trust.files import assemble, parse_file
from drivers.types import Result
from gate_agent.inspect.chip import READABLE
from gate_agent.inspect.face_check import face_check
from sim.chip.card import Chip
from sim.chip.catalogue import prepare, records
from sim.chip.key_derivation import CipherSuite
from sim.chip.keys import seeded_random
from sim.chip.specimens import SPECIMENS, trust_files

AT = date(2026, 11, 22)


@pytest.fixture(scope="module")
def trust():
    sources = [source for data in trust_files().values() for source in parse_file(data)]
    return assemble(sources, accept_demo=True)


def answered(steps, chip, op):
    response = chip.transmit(op.apdu)[0]
    if response is None:
        return steps.throw(TagLost("no answer"))
    return steps.send(response)


def drive(steps, chip):
    """Run an inspection against a chip; its checks, and the portraits it gave out."""
    portraits = []
    op = next(steps)
    try:
        while True:
            if isinstance(op, Send):
                op = answered(steps, chip, op)
            elif isinstance(op, Reconnect):
                chip.power_up()
                op = steps.send(not chip.silent)
            else:
                portraits += op.emission.payload.values()
                op = next(steps)
    except StopIteration as end:
        return {check.id: check for check in end.value}, portraits


def inspect(card, mrz, trust, chip=None, **options):
    checks, portraits = drive(
        Inspection(
            ticket=1,
            mrz=parse(mrz.split("\n")) if mrz else None,
            trust=trust,
            at=AT,
            random=seeded_random(b"reader"),
            clock=lambda: 0,
            new_handle=lambda: "h",
            extra=READABLE,
            **options,
        ).run(),
        (chip or Chip)(card, seeded_random(b"chip")),
    )
    for dg2 in portraits:
        checks["face_image"] = face_check(dg2)
    return checks


@pytest.mark.parametrize("name", SPECIMENS)
def test_a_genuine_specimen_gives_what_it_promises(name, trust):
    promised = SPECIMENS[name].record()
    checks = inspect(prepare(name, None, []), promised["mrz"], trust)
    assert {i: check.result.value for i, check in checks.items()} == promised["expect"]
    assert overall(checks.values()) is Result.SUCCESSFUL


@pytest.mark.parametrize("record", records(), ids=lambda record: record["name"])
def test_a_forgery_is_caught_by_the_check_named_for_it(record, trust):
    card = prepare(record["specimen"], None, [record["name"]])
    checks = inspect(card, record["mrz"], trust)
    if record["caught_by"]:
        assert checks[record["caught_by"]].result is not Result.SUCCESSFUL, checks
        return
    good = SPECIMENS[record["specimen"]].record()["expect"]
    assert {i: check.result.value for i, check in checks.items()} == good


@pytest.mark.parametrize("name", ["aa_rsa_1280_sha224", "aa_ecdsa_der", "ca_3des", "pace_aa_ca"])
def test_a_chip_of_short_length_alone_proves_itself(name, trust):
    promised = SPECIMENS[name].record()
    checks = inspect(prepare(name, None, ["short_length_only"]), promised["mrz"], trust)
    assert {i: check.result.value for i, check in checks.items()} == promised["expect"]


@pytest.mark.parametrize("name", ["aa_rsa_2048_sha256", "aa_rsa_2048_sha512"])
def test_a_signature_beyond_short_length_is_no_proof_of_a_clone(name, trust):
    promised = SPECIMENS[name].record()
    checks = inspect(prepare(name, None, ["short_length_only"]), promised["mrz"], trust)
    active = checks.pop("active_authentication")
    assert active.result is Result.ABORTED
    assert "256 bytes needs extended length" in active.detail
    rest = {i: promised["expect"][i] for i in checks}
    assert {i: check.result.value for i, check in checks.items()} == rest
    assert overall([active, *checks.values()]) is Result.ABORTED


def test_a_key_that_the_chip_refuses_leaves_the_next_to_prove_it(trust):
    card = prepare("ca_two_keys", None, [])
    weaker, stronger = card.features.agreement
    assert (weaker.suites, stronger.suites) == ((CipherSuite.AES_128,), (CipherSuite.AES_256,))
    card = replace(card, features=replace(card.features, agreement=(weaker,)))
    checks = inspect(card, SPECIMENS["ca_two_keys"].record()["mrz"], trust)
    assert checks["chip_authentication"].result is Result.SUCCESSFUL
    assert "AES-128" in checks["chip_authentication"].detail


@pytest.mark.parametrize("hash_name", ["sha1", "sha224", "sha256", "sha512"])
def test_a_chip_that_signs_by_another_hash_than_dg14_names_has_its_key(hash_name, trust):
    card = prepare("aa_ecdsa_p384", None, [])
    active = card.features.active
    assert active.key.hash_name == "sha384"
    other = replace(active, key=replace(active.key, hash_name=hash_name))
    card = replace(card, features=replace(card.features, active=other))
    checks = inspect(card, SPECIMENS["aa_ecdsa_p384"].record()["mrz"], trust)
    assert checks["active_authentication"].result is Result.SUCCESSFUL
    assert hash_name in checks["active_authentication"].detail


class ReceivesTwice(Chip):
    """A chip that is sent one command a second time: its acknowledgement came too late."""

    number = 0

    def transmit(self, raw):
        self.number -= 1
        if self.number == 0:
            super().transmit(raw)
        return super().transmit(raw)


@pytest.mark.parametrize("number", range(1, 29))
def test_a_genuine_chip_that_hears_a_command_twice_is_not_called_false(number, trust):
    made = type("Receives", (ReceivesTwice,), {"number": number})
    promised = SPECIMENS["pace_aa_ca"].record()
    checks = inspect(prepare("pace_aa_ca", None, []), promised["mrz"], trust, made)
    assert {i: check.result.value for i, check in checks.items()} == promised["expect"]


def test_a_fallback_to_bac_is_reported_and_may_be_forbidden(trust):
    card = prepare("pace_aa_ca", None, ["pace_refused_at_mapping"])
    mrz = SPECIMENS["pace_aa_ca"].record()["mrz"]
    access = inspect(card, mrz, trust)["access_control"]
    assert access.result is Result.SUCCESSFUL
    assert access.detail.startswith("BAC after PACE failed")
    strict = inspect(card, mrz, trust, bac_fallback=False)
    assert strict["access_control"].result is Result.FAILED
    assert strict["sod_signature"].result is Result.ABORTED
    bac_only = inspect(prepare("pace_aa_ca", None, []), mrz, trust, access=("bac",))
    assert bac_only["access_control"].detail == "BAC"


def test_the_card_access_number_opens_what_does_pace(trust):
    can = SPECIMENS["pace_only"].record()["can"]
    checks = inspect(prepare("pace_only", None, []), "", trust, can=can)
    assert checks["access_control"].result is Result.SUCCESSFUL
    assert checks["mrz_dg1"].result is Result.NOT_SUPPORTED
    assert checks["dg_hash.DG1"].result is Result.SUCCESSFUL
    denied = inspect(prepare("pace_only", None, []), "", trust, can="000000")
    assert denied["access_control"].result is Result.FAILED
