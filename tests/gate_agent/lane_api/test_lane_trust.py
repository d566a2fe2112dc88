"""What a lane trusts: everything that `egate document inspect --trust` would use, and no more."""

from datetime import date

import pytest

from drivers.passport.errors import DemoMaterialRefused
from drivers.passport.trust.passive_authentication import authenticate_sod
from drivers.types import Result
from gate_agent.compose.reader import load_trust
from gate_agent.inspect import trust_store
from sim.chip.rogue_issuers import revoked_ds
from sim.chip.specimens import SPECIMENS, named_files, trust_files

AT = date(2026, 11, 22)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("trust")
    for name, content in trust_files().items():
        (made / name).write_bytes(content)
    return made


def results(found):
    return {check.id: check.result for check in found.checks}


def test_lists_of_a_folder_count_in_the_lane(folder):
    trust = load_trust([folder], accept_demo=True)
    given = trust_store.read([folder]).parsed()
    assert len(trust.revocation_lists) == sum(source.crl is not None for source in given) > 0
    revoked = revoked_ds(SPECIMENS["bac_ecdsa_p256"].personalisation())
    found = authenticate_sod(named_files(revoked)["SOD.bin"], trust, AT)
    assert results(found)["ds_chain"] is Result.SUCCESSFUL
    assert results(found)["ds_revocation"] is Result.FAILED


def test_folders_in_a_folder_count_too(tmp_path):
    (tmp_path / "here" / "and there").mkdir(parents=True)
    (tmp_path / "here" / "round").symlink_to(tmp_path)
    (tmp_path / "here" / "itself").symlink_to("itself")
    made = trust_files()
    for place in ("", "here", "here/and there"):
        name, content = made.popitem()
        (tmp_path / place / name).write_bytes(content)
    assert len(trust_store.read([tmp_path]).sources) == 3


def test_junk_is_named_and_makes_nothing_trusted(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("no certificate")
    (tmp_path / "empty.cer").write_bytes(b"")
    assert len(load_trust([tmp_path], accept_demo=True)) == 0
    said = capsys.readouterr().err
    assert "notes.txt: not used" in said
    assert "empty.cer: not used" in said
    assert "every document will be referred" in said


@pytest.mark.parametrize("given", [True, False])
def test_a_lane_without_anchors_says_so_at_its_start(tmp_path, capsys, given):
    load_trust([tmp_path] if given else [], accept_demo=False)
    assert "every document will be referred" in capsys.readouterr().err


def test_demo_material_stops_a_production_lane(folder):
    with pytest.raises(DemoMaterialRefused):
        load_trust([folder], accept_demo=False)


def test_unreadable_path(tmp_path):
    with pytest.raises(OSError, match="absent"):
        load_trust([tmp_path / "absent"], accept_demo=False)
