"""Chip authentication by PACE: when it counts, when it does not, and what it spares."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_specimens import AT, drive, inspect

from drivers.passport.chip.access import AccessPlan
from drivers.passport.chip.chip_keys import mapping_keys, public_keys
from drivers.passport.chip.files import FileReader
from drivers.passport.chip.security_infos import parse_security_infos
from drivers.passport.inspection.inspection import Inspection
from drivers.passport.mrz.zone import parse
from drivers.passport.trust.files import assemble, parse_file
from drivers.passport.trust.store import TrustStore
from drivers.types import Result
from sim.chip.card import Chip, card_of
from sim.chip.catalogue import prepare
from sim.chip.key_derivation import CipherSuite
from sim.chip.keys import seeded_random
from sim.chip.model import Behaviour, Features
from sim.chip.pace import PaceMapping, PaceProfile
from sim.chip.reissue import issue_again
from sim.chip.security_infos import security_infos
from sim.chip.specimen_features import agreement_key
from sim.chip.specimens import SPECIMENS, trust_files

CAM, PLAIN_CA = "pace_cam_aes128_brainpoolP256r1", "pace_ca"
AES = CipherSuite.AES_128


@pytest.fixture(scope="module")
def trust():
    sources = [source for data in trust_files().values() for source in parse_file(data)]
    return assemble(sources, accept_demo=True)


class Counting(Chip):
    commands = 0

    def transmit(self, raw):
        self.commands += 1
        return super().transmit(raw)


def commands_of(name, trust):
    made = SPECIMENS[name].personalisation()
    chip = Counting(card_of(made), seeded_random(b"chip"))
    inspection = Inspection(
        ticket=1,
        mrz=parse(made.printed.lines),
        trust=trust,
        at=AT,
        random=seeded_random(b"reader"),
        clock=lambda: 0,
        new_handle=lambda: "h",
    )
    drive(inspection.run(), chip)
    return chip.commands


def test_it_spares_the_commands_of_chip_authentication(trust):
    assert commands_of(PLAIN_CA, trust) - commands_of(CAM, trust) == 3
    assert commands_of("pace_im_aes128_brainpoolP256r1", trust) == commands_of(
        "pace_aes128_brainpoolP256r1", trust
    )


def test_without_a_trusted_signer_it_proves_nothing():
    checks = inspect(prepare(CAM, None, []), SPECIMENS[CAM].record()["mrz"], TrustStore([]))
    check = checks["chip_authentication"]
    assert check.result is Result.UNDETERMINED
    assert "issuer is not proven" in check.detail


def test_a_chip_opened_by_bac_proves_its_key_by_chip_authentication(trust):
    mrz = SPECIMENS[CAM].record()["mrz"]
    for options, fault in (({"access": ("bac",)}, []), ({}, ["pace_wrong_token"])):
        checks = inspect(prepare(CAM, None, fault), mrz, trust, **options)
        assert checks["access_control"].detail.startswith("BAC")
        assert checks["chip_authentication"].detail == "ECDH AES-128 brainpoolP256r1"
        clone = inspect(prepare(CAM, None, ["cloned_mapping", *fault]), mrz, trust, **options)
        assert clone["chip_authentication"].result is Result.FAILED


def reissued(*agreement):
    profile = PaceProfile(AES, 13, PaceMapping.CHIP)
    features = Features(pace=(profile,), can="240115", agreement=agreement)
    return issue_again(SPECIMENS[CAM].personalisation(), features=features)


def read(made, trust):
    return inspect(card_of(made), made.printed.printed, trust)["chip_authentication"]


def test_a_key_without_identifier_on_that_curve_is_taken(trust):
    made = reissued(agreement_key(12, AES, key_id=13), agreement_key(13, AES))
    check = read(made, trust)
    assert check.result is Result.SUCCESSFUL, check
    assert check.detail.startswith("PACE ECDH-CAM")


def test_a_chip_that_proves_another_key_than_the_one_named_has_failed(trust):
    named, other = agreement_key(13, AES, key_id=13), agreement_key(13, AES, key_id=1)
    made = reissued(named, other)
    assert read(made, trust).result is Result.SUCCESSFUL
    swapped = replace(
        made.features, agreement=(replace(named, scalar=other.scalar), replace(other, key_id=1))
    )
    check = read(replace(made, features=swapped), trust)
    assert check.result is Result.FAILED
    assert "do not fit its key" in check.detail


def test_a_key_of_another_curve_alone_leaves_chip_authentication_to_prove_it(trust):
    signed = reissued(agreement_key(12, AES, key_id=1))
    mapping = agreement_key(13, AES, key_id=13)
    chip = replace(signed.features, agreement=(*signed.features.agreement, mapping))
    check = read(replace(signed, features=chip), trust)
    assert check.result is Result.SUCCESSFUL, check
    assert check.detail == "ECDH AES-128 secp256r1"


def test_only_keys_of_the_curve_are_asked():
    made = (agreement_key(12, AES, key_id=13), agreement_key(13, AES, key_id=4))
    infos = parse_security_infos(security_infos([i for key in made for i in key.infos]))
    keys, unknown = public_keys(infos)
    assert unknown is None
    assert [key.key_id for key in mapping_keys(keys, 13)] == [4]
    assert [key.key_id for key in mapping_keys(keys, 12)] == [13]
    assert mapping_keys(keys, 14) == ()


@pytest.mark.parametrize("name", ["ca_dh_aes128", "ca_dh_aes256_standardised"])
def test_a_key_of_dh_beyond_short_length_is_no_proof_of_a_clone(name, trust):
    card = prepare(name, None, ["mute_in_extended_length"])
    checks = inspect(card, SPECIMENS[name].record()["mrz"], trust)
    check = checks["chip_authentication"]
    assert check.result is Result.ABORTED, check
    assert "extended length" in check.detail


@pytest.mark.parametrize("name", [n for n, one in SPECIMENS.items() if one.features().pace])
def test_every_chip_that_does_pace_is_opened_by_its_strongest(name):
    made = SPECIMENS[name].personalisation()
    plan = AccessPlan(mrz=parse(made.printed.lines), random=seeded_random(b"reader"))
    how = opened(plan, Chip(card_of(made), seeded_random(b"chip")))
    assert how.startswith("PACE"), how
    assert (plan.proof is None) is not name.startswith("pace_cam")


def opened(plan, chip, reader=None):
    steps = plan.open(reader or FileReader())
    try:
        op = next(steps)
        while True:
            op = steps.send(chip.transmit(op.apdu)[0])
    except StopIteration as end:
        return end.value


def test_what_a_chip_gave_in_an_earlier_session_counts_no_more():
    made = SPECIMENS[CAM].personalisation()
    plan = AccessPlan(mrz=parse(made.printed.lines), random=seeded_random(b"reader"))
    reader = FileReader()
    opened(plan, Chip(card_of(made), seeded_random(b"chip")), reader)
    assert plan.proof is not None
    reader.field_lost()
    another = Chip(card_of(made, Behaviour(pace_refused_at=1)), seeded_random(b"chip"))
    assert opened(plan, another, reader).startswith("BAC after PACE failed")
    assert plan.proof is None
