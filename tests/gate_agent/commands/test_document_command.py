"""`egate document`, `egate mrz` and `egate trust` at the command line."""

import datetime
import json
import subprocess
import sys
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.passport.mrz.zone import check_digit
from drivers.types import CHECK_IDS
from gate_agent.cli import main
from sim.chip.data_groups import birth_details
from sim.chip.keys import KeySource
from sim.chip.mrz import Holder
from sim.chip.personalise import Layout, personalise
from sim.chip.pki import found_country
from sim.chip.portrait import placeholder_portrait

DATA = Path(__file__).parents[4] / "shared" / "data" / "chip"
if not DATA.exists():
    DATA = Path(__file__).parents[5] / "shared" / "data" / "chip"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="shared/data/chip is absent")
READS = 10
MAX_APDUS = 40
NOT_USABLE = 3
BSI_MRZ = (
    r"P<D<<MUSTERMANN<<ERIKA<<<<<<<<<<<<<<<<<<<<<<\nC11T002JM4D<<9608122F1310317<<<<<<<<<<<<<<<6"
)


def run(capsys, *arguments):
    try:
        code = main(list(map(str, arguments)))
    except SystemExit as end:
        code = end.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def inspect(capsys, *arguments):
    code, out, _ = run(capsys, "document", "inspect", *arguments, "--json")
    assert code == 0
    report = json.loads(out)
    return report, {check["id"]: check["result"] for check in report["checks"]}


def read_undisturbed(capsys, *arguments):
    """Read a genuine chip until nothing had to be repeated on the line.

    On a busy machine the simulated reader may not run for so long that commands are sent to
    it again. That may cost access or the whole read; it never calls the chip false.
    """
    for _ in range(READS):
        code, out, said = run(capsys, "document", "inspect", *arguments, "--json")
        if code == NOT_USABLE:
            continue
        assert code == 0, said
        report = json.loads(out)
        checks = {check["id"]: check["result"] for check in report["checks"]}
        failed = {name for name, result in checks.items() if result == "failed"}
        assert failed <= {"access_control"}, report
        whole = not failed and report["overall"] != "aborted"
        if whole and report["apdus"] <= MAX_APDUS:
            return report, checks
    pytest.fail(f"not one of {READS} reads went through within {MAX_APDUS} commands: {out}{said}")


def files(folder, **names):
    return [
        part
        for name, stem in names.items()
        for part in ("--file", f"{name}={DATA / folder / stem}.bin")
    ]


@needs_data
def test_bsi_specimen(capsys):
    given = files(
        "bsi2008", COM="EF_COM", SOD="EF_SOD", DG1="Datagroup1", DG2="Datagroup2",
        DG3="Datagroup3", DG14="Datagroup14",
    )  # fmt: skip
    report, checks = inspect(capsys, *given, "--mrz", BSI_MRZ, "--trust", DATA / "masterlist")
    assert report["overall"] == "failed"
    hashes = [f"dg_hash.DG{n}" for n in (1, 2, 3, 14)]
    others = ["mrz_consistency", "sod_signature", "com_sod", "issuing_state", "mrz_dg1"]
    for good in (*hashes, *others, "face_image"):
        assert checks[good] == "successful", good
    assert checks["expiry"] == "failed"
    assert checks["ds_chain"] == "undetermined"
    assert checks["active_authentication"] == "not_supported"
    assert report["document"]["surname"] == "MUSTERMANN"
    assert report["document"]["issuer"] == "D"
    face = next(check for check in report["checks"] if check["id"] == "face_image")
    assert "413x531" in face["detail"]


@needs_data
def test_sdu_specimen_on_a_day_it_was_valid(capsys):
    given = files("loes2006", COM="ef011E", SOD="ef011D", DG1="ef0101", DG2="ef0102", DG15="ef010F")
    report, checks = inspect(capsys, *given, "--at", "2010-06-01", "--trust", DATA / "masterlist")
    assert report["document"]["number"] == "XX0001328"
    assert checks["expiry"] == checks["face_image"] == "successful"
    assert {checks[f"dg_hash.DG{n}"] for n in (1, 2, 15)} == {"successful"}
    assert checks["ds_chain"] == "undetermined"
    assert report["overall"] == "undetermined"


@needs_data
@pytest.mark.parametrize(
    ("name", "size"),
    [("ISO19794_Test1_Data.bin", "148x70"), ("ICAO_39794_5_AP_DG2_MandFields.dat", "413x531")],
)
def test_both_kinds_of_face_record_decode(capsys, name, size):
    report, checks = inspect(
        capsys, "--file", f"DG2={DATA / 'dg2' / name}", "--trust", DATA / "sod"
    )
    assert checks["face_image"] == "successful"
    assert any(size in check["detail"] for check in report["checks"])


def test_every_check_is_there_whatever_was_given(capsys, tmp_path):
    (tmp_path / "x").write_bytes(b"nonsense")
    empty = tmp_path / "trust"
    empty.mkdir()
    _, checks = inspect(capsys, "--file", f"SOD={tmp_path / 'x'}", "--trust", empty)
    assert {name.partition(".")[0] for name in checks} == set(CHECK_IDS)
    assert checks["sod_signature"] == "failed"


def test_what_followed_is_listed_under_its_first_cause(capsys, tmp_path):
    (tmp_path / "x").write_bytes(b"nonsense")
    report, _ = inspect(capsys, "--file", f"SOD={tmp_path / 'x'}", "--trust", tmp_path)
    by_check = {first["check"]: first for first in report["findings"]}
    assert by_check["sod_signature"]["result"] == "failed"
    assert {"ds_chain", "ds_validity", "defects"} <= set(by_check["sod_signature"]["followed"])
    assert "ds_chain" not in by_check


@pytest.mark.parametrize(
    "arguments",
    [
        ["--file", "DG17=x"],
        ["--file", "SOD"],
        ["--file", "SOD=/no/such/file"],
        ["--mrz", BSI_MRZ, "--trust", "/no/such/folder"],
        ["--mrz", BSI_MRZ, "--at", "2026-13-01"],
        ["--mrz", BSI_MRZ, "--at", "20261101"],
        [],
    ],
)
def test_bad_arguments_exit_2_with_one_line(capsys, arguments):
    code, out, err = run(capsys, "document", "inspect", *arguments)
    assert code == 2
    assert not out
    assert err
    assert "Traceback" not in err


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["COM", "SOD", "DG1", "DG2", "DG14", "DG15", "CARDACCESS"]), st.binary())
def test_malformed_files_are_a_verdict(capsys, tmp_path, name, data):
    file = tmp_path / "file"
    file.write_bytes(data)
    report, checks = inspect(capsys, "--file", f"{name}={file}", "--store", tmp_path / "none")
    assert {i.partition(".")[0] for i in checks} == set(CHECK_IDS)
    assert report["overall"] != "successful"


def td1(birth, expires):
    second = f"{birth}{check_digit(birth)}F{expires}{check_digit(expires)}UTO<<<<<<<<<<<"
    first = "I<UTOD231458907<<<<<<<<<<<<<<<"
    composite = check_digit(first[5:] + second[:7] + second[8:15] + second[18:29])
    return f"{first}\n{second}{composite}\nERIKSSON<<ANNA<MARIA<<<<<<<<<<"


@pytest.mark.parametrize(
    ("birth", "expires", "fields", "ages", "kind"),
    [
        ("190607", "320415", ("190607", "2032-04-15"), [7, 107], "day"),
        ("4203<<", "<<<<<<", ("4203<<", "<<<<<<"), [84, 84], "none"),
        ("420000", "991231", ("420000", "991231"), [84, 85], "open"),
        ("740812", "620915", ("1974-08-12", "2062-09-15"), [52, 52], "day"),
        ("740812", "34<<<<", ("1974-08-12", "34<<<<"), [52, 52], "part"),
        ("<<<<<<", "340231", ("<<<<<<", "340231"), None, "open"),
    ],
)
def test_mrz_parse_shows_dates_as_they_are_known(capsys, birth, expires, fields, ages, kind):
    arguments = ("mrz", "parse", td1(birth, expires), "--at", "2027-02-28")
    code, out, _ = run(capsys, *arguments, "--json")
    report = json.loads(out)
    assert code == 0
    assert (report["fields"]["birth_date"], report["fields"]["expiry"]) == fields
    assert report["dates"]["birth"]["age_years"] == ages
    assert report["dates"]["expiry"]["kind"] == kind
    assert report["dates"]["birth"]["printed"] == birth
    assert run(capsys, *arguments)[0] == 0


@pytest.mark.parametrize(
    ("expires", "result", "finding"),
    [
        ("<<<<<<", "not_supported", "expiry_none"),
        ("991231", "undetermined", "expiry_open"),
        ("2702<<", "undetermined", "expiry_open"),
        ("340231", "undetermined", None),  # the zone is wrong, and that is said once
        ("270227", "failed", "expiry"),
        ("2701<<", "failed", "expiry"),
        ("2703<<", "successful", None),
        ("620915", "successful", None),
    ],
)
def test_an_expiry_is_failed_only_where_it_certainly_passed(capsys, expires, result, finding):
    zone = td1("740812", expires)
    report, checks = inspect(capsys, "--mrz", zone, "--at", "2027-02-28")
    assert checks["expiry"] == result
    found = {each["check"] for each in report["findings"] if each["check"].startswith("expiry")}
    assert found == ({finding} if finding else set())


def test_the_birth_date_of_dg11_settles_the_century(capsys, tmp_path):
    born = datetime.date(1919, 6, 7)
    country = found_country(KeySource.seeded(b"dates"), datetime.datetime(2026, 1, 1, tzinfo=UTC))
    holder = Holder("NOVAK", "ANNA", "X1", born, "F", datetime.date(2032, 4, 15))
    layout = Layout(groups={11: birth_details(born)})
    made = personalise(holder, placeholder_portrait(), country, layout=layout)
    (tmp_path / "csca.cer").write_bytes(country.csca.certificate.der)
    given = ["--mrz", made.printed.printed, "--at", "2026-11-22", "--trust", tmp_path / "csca.cer"]
    for name, fid in (("COM", 0x011E), ("SOD", 0x011D), ("DG1", 0x0101), ("DG11", 0x010B)):
        (tmp_path / name).write_bytes(made.files[fid])
        given += ["--file", f"{name}={tmp_path / name}"]
    report, checks = inspect(capsys, *given)
    assert checks["ds_chain"] == checks["dg_hash.DG11"] == "successful"
    assert report["dates"]["birth"]["from_dg11"]
    assert report["dates"]["birth"]["age_years"] == [107, 107]
    assert report["document"]["birth_date"] == "1919-06-07"
    (tmp_path / "DG11").write_bytes(birth_details(datetime.date(2019, 6, 7)))
    altered, checks = inspect(capsys, *given)
    assert checks["dg_hash.DG11"] == "failed"
    assert not altered["dates"]["birth"]["from_dg11"]
    assert altered["document"]["birth_date"] == "190607"


def test_mrz_parse(capsys):
    code, out, _ = run(capsys, "mrz", "parse", BSI_MRZ, "--json")
    report = json.loads(out)
    assert code == 0
    assert report["format"] == "TD3"
    assert report["fields"]["given_names"] == "ERIKA"
    assert {check["result"] for check in report["checks"]} == {"successful"}
    assert report["candidates"][0]["changes"] == []
    assert run(capsys, "mrz", "parse", "no zone", "--json")[0] == 2


@pytest.mark.parametrize("between", ["\n", r"\n", "\r\n", r"\r\n", "\r", " ", ""])
def test_lines_may_be_parted_in_any_way(capsys, between):
    one, two = BSI_MRZ.split(r"\n")
    code, out, _ = run(capsys, "mrz", "parse", f"{one}{between}{two}", "--json")
    assert code == 0
    assert json.loads(out)["fields"]["number"] == "C11T002JM"


@needs_data
def test_trust_import_list_verify(capsys, tmp_path):
    store = tmp_path / "store"
    code, out, _ = run(capsys, "trust", "import", DATA / "masterlist", "--store", store, "--json")
    assert code == 0
    assert json.loads(out)["new"] == 2
    code, out, _ = run(capsys, "trust", "list", "--store", store, "--json")
    rows = {row["kind"]: row for row in json.loads(out)["objects"]}
    assert rows["master_list"]["certificates"] == 588
    assert rows["master_list"]["trusted"]
    assert rows["master_list"]["issued"] == "2026-05-28"
    code, out, _ = run(capsys, "trust", "verify", "--store", store, "--json")
    assert code == 0
    assert json.loads(out)["self_signed"] == 375
    _, checks = inspect(capsys, "--file", f"SOD={DATA / 'sod' / 'SOD_FR.bin'}", "--store", store)
    assert checks["ds_chain"] == "successful"


def test_a_store_that_was_damaged_is_reported(capsys, tmp_path):
    (tmp_path / "0123.trust").write_bytes(b"nonsense")
    code, out, err = run(capsys, "trust", "verify", "--store", tmp_path, "--json")
    assert code == 1
    assert json.loads(out)["refused"][0]["file"].endswith("0123.trust")
    assert "0123.trust: refused" in err
    code, out, err = run(capsys, "trust", "list", "--store", tmp_path, "--json")
    assert len(json.loads(out)["refused"]) == 1


def test_a_file_that_is_none_is_refused(capsys, tmp_path):
    (tmp_path / "x.cer").write_bytes(b"nonsense")
    code, out, err = run(
        capsys, "trust", "import", tmp_path / "x.cer", "--store", tmp_path / "s", "--json"
    )
    assert code == 1
    assert "refused" in err
    assert json.loads(out)["new"] == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--reader", "pn532:/no/such/tty", "--mrz", BSI_MRZ], 3),
        (["--reader", "pcsc", "--mrz", BSI_MRZ], 3),
        (["--reader", "pn532:/dev/null"], 2),
        (["--reader", "pn532:/dev/null", "--mrz", "no zone"], 2),
        (["--reader", "tty", "--mrz", BSI_MRZ], 2),
        (["--reader", "pn532:/dev/null", "--can", "12345"], 2),
    ],
)
def test_a_reader_that_cannot_be_used(capsys, tmp_path, arguments, code):
    given = [*arguments, "--store", tmp_path / "none"]
    found, out, err = run(capsys, "document", "inspect", *given)
    assert found == code
    assert not out
    assert "Traceback" not in err


def judged_again(capsys, tmp_path, mrz, report):
    """The verdict on stored evidence: the same, and another by day and by trust store."""
    out = tmp_path / "out"
    stored = {path.stem: path for path in out.glob("*.bin")}
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}
    assert json.loads((out / "report.json").read_bytes()) == report
    given = [part for name, path in stored.items() for part in ("--file", f"{name}={path}")]
    live = {check["id"]: check["result"] for check in report["checks"]}
    chip_only = {"access_control", "active_authentication", "chip_authentication"}

    trusted = [*given, "--mrz", mrz, "--trust", tmp_path / "trust"]
    _, again = inspect(capsys, *trusted)
    assert {name for name in live if live[name] != again[name]} == chip_only
    assert {again[name] for name in chip_only} == {"undetermined"}

    report, later = inspect(capsys, *trusted, "--at", "2060-01-01")
    assert report["overall"] == "failed"
    changed = {name for name in live if again[name] != later[name]}
    assert {"ds_validity", "csca_validity"} <= changed <= {
        "ds_validity", "csca_validity", "ds_revocation", "expiry"
    }  # fmt: skip

    (tmp_path / "empty").mkdir()
    untrusted = [*given, "--mrz", mrz, "--trust", tmp_path / "empty"]
    report, alone = inspect(capsys, *untrusted)
    assert report["overall"] == "undetermined"
    assert alone["ds_chain"] == alone["csca_validity"] == "undetermined"
    assert alone["sod_signature"] == alone["dg_hash.DG2"] == "successful"


@pytest.mark.live
def test_a_chip_over_a_serial_line(capsys, tmp_path):
    egate = [sys.executable, "-m", "gate_agent.cli", "chip"]
    run(capsys, "chip", "specimens", "--trust-out", tmp_path / "trust")
    specimens = json.loads(run(capsys, "chip", "specimens", "--json")[1])
    specimen = next(item for item in specimens if item["name"] == "pace_aa_ca")
    served = subprocess.Popen(
        [*egate, "serve", "--specimen", "pace_aa_ca", "--pn532"], stdout=subprocess.PIPE, text=True
    )
    try:
        port = served.stdout.readline().strip()
        common = ["--reader", f"pn532:{port}", "--trust", tmp_path / "trust"]
        by_mrz = ["--mrz", specimen["mrz"], "--out", tmp_path / "out"]
        report, checks = read_undisturbed(capsys, *common, *by_mrz)
        assert checks == specimen["expect"]
        assert report["overall"] == "successful"
        assert (tmp_path / "out" / "DG2.bin").stat().st_size > 10_000
        judged_again(capsys, tmp_path, specimen["mrz"], report)
        _, by_can = read_undisturbed(capsys, *common, "--can", specimen["can"])
        assert by_can["mrz_dg1"] == "not_supported"
        assert by_can["chip_authentication"] == "successful"
    finally:
        served.terminate()
        served.wait()
        served.stdout.close()


def demo_store(tmp_path):
    """A store into which one demo CSCA and its revocation list are imported."""
    from sim.chip.specimens import trust_files

    given = tmp_path / "given"
    given.mkdir()
    for name in ("csca_ecdsa_p256_sha256.der", "csca_ecdsa_p256_sha256.crl"):
        (given / name).write_bytes(trust_files()[name])
    return given, tmp_path / "store"


def test_demo_material_is_named_at_import_and_refused_in_one_line_after_it(capsys, tmp_path):
    given, store = demo_store(tmp_path)
    code, out, err = run(capsys, "trust", "import", given, "--store", store, "--json")
    report = json.loads(out)
    assert (code, report["demo"], len(err.splitlines())) == (0, 1, 1)
    assert "demo material" in err
    assert sorted(row["demo"] for row in report["objects"]) == [0, 1]
    code, out, err = run(capsys, "document", "inspect", "--mrz", BSI_MRZ, "--store", store)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "marked demo" in err
    assert run(capsys, "document", "inspect", "--mrz", BSI_MRZ, "--trust", store)[0] == 0


def test_the_doctor_knows_a_stores_own_files_and_names_demo_material(capsys, tmp_path):
    given, store = demo_store(tmp_path)
    run(capsys, "trust", "import", given, "--store", store)
    (store / "imported.json.new").write_text("{")
    _, out, _ = run(capsys, "doctor", "--trust", store, "--json")
    found = {row["check"]: row for row in json.loads(out)["findings"]}
    assert {name for name in found if name.startswith("trust")} == {"trust", "trust: demo"}
    assert found["trust: demo"]["grade"] == "broken"
    (store / "stray.txt").write_text("no certificate")
    _, out, _ = run(capsys, "doctor", "--trust", store, "--json")
    assert "trust: stray.txt" in {row["check"] for row in json.loads(out)["findings"]}
