"""Chips whose session breaks: what was not judged is never called failed."""

from itertools import count

import pytest
from test_specimens import inspect, trust  # noqa: F401 (a fixture)

from drivers.passport.inspection.checks import overall
from drivers.types import Result
from sim.chip.card import Chip
from sim.chip.catalogue import prepare
from sim.chip.specimens import SPECIMENS

NAME = "pace_aa_ca"
PROMISED = SPECIMENS[NAME].record()


class Breaks(Chip):
    """Answers the command `at` with `error` in plain, and the rest as `then` says."""

    at = 0
    error = bytes.fromhex("6982")
    then = "stuck"

    def __init__(self, card, random):
        super().__init__(card, random)
        self._numbers = count(1)
        self.stuck = False

    def power_up(self):
        super().power_up()
        self.stuck = self.stuck and self.then == "stuck_for_good"

    def transmit(self, raw):
        if self.stuck:
            return bytes.fromhex("6982"), 0
        if next(self._numbers) != self.at:
            return super().transmit(raw)
        self.stuck = self.then.startswith("stuck")
        if self.then == "ends":
            super().transmit(bytes.fromhex("00B0000001"))  # a plain command ends a session
        return self.error, 0


def broken(at, error, then):
    return type("Broken", (Breaks,), {"at": at, "error": bytes.fromhex(error), "then": then})


def results(checks):
    return {name: check.result.value for name, check in checks.items()}


@pytest.mark.parametrize("then", ["ends", "goes_on", "stuck"])
@pytest.mark.parametrize(("error", "at"), [("6700", n) for n in range(1, 28)] + [("6982", 9)])
def test_one_error_in_plain_costs_a_session_and_no_check(at, error, then, trust):  # noqa: F811
    checks = inspect(prepare(NAME, None, []), PROMISED["mrz"], trust, broken(at, error, then))
    assert results(checks) == PROMISED["expect"]


@pytest.mark.parametrize("at", range(1, 28))
def test_a_chip_that_is_stuck_for_good_is_cut_short_and_nothing_of_it_failed(at, trust):  # noqa: F811
    chip = broken(at, "6982", "stuck_for_good")
    checks = inspect(prepare(NAME, None, []), PROMISED["mrz"], trust, chip)
    assert not [check for check in checks.values() if check.result is Result.FAILED]
    assert overall(checks.values()) is Result.ABORTED


@pytest.mark.parametrize("status", ["6F00", "6581", "6400", "6A82"])
@pytest.mark.parametrize("name", ["COM", "SOD", "DG1", "DG2", "DG14", "DG15"])
def test_a_file_that_cannot_be_read_failed_only_where_the_chip_keeps_it_back(name, status, trust):  # noqa: F811
    reader = refusing(name, int(status, 16))
    checks = inspect(prepare(NAME, None, []), PROMISED["mrz"], trust, reader=reader)
    failed = {i for i, check in checks.items() if check.result is Result.FAILED}
    assert bool(failed) == (status == "6A82")
    assert overall(checks.values()) is (Result.FAILED if failed else Result.ABORTED)


def refusing(name, status):
    """A file reader whose chip answers this status, protected, for one file."""
    from drivers.passport.chip.files import FileReader
    from drivers.passport.errors import CardRefused

    class Refusing(FileReader):
        def read(self, wanted):
            content = yield from super().read(wanted)
            if wanted == name:
                self.files.pop(name)
                raise CardRefused(f"READ BINARY {name}", status)
            return content

    return Refusing()


@pytest.mark.parametrize("fault", ["error_in_plain", "error_in_plain_goes_on", "stuck_until_reset"])
@pytest.mark.parametrize("name", ["bac_ecdsa_p256", "pace_only", NAME])
def test_faults_of_sessions_are_overcome(name, fault, trust):  # noqa: F811
    promised = SPECIMENS[name].record()
    checks = inspect(prepare(name, None, [fault]), promised["mrz"], trust)
    assert results(checks) == promised["expect"]


def test_a_wrong_zone_is_still_refused_without_a_reset(trust):  # noqa: F811
    other = SPECIMENS["bac_ecdsa_p256_sha1"].record()["mrz"]
    checks = inspect(prepare("bac_ecdsa_p256", None, []), other, trust)
    assert checks["access_control"].result is Result.FAILED
    assert "6300" in checks["access_control"].detail


def test_a_chip_without_a_proof_of_its_own_is_refused(trust):  # noqa: F811
    class WrongProof(Chip):
        def transmit(self, raw):
            answer, ns = super().transmit(raw)
            if raw[:2] == b"\x00\x82" and len(answer) == 42:
                answer = answer[:39] + bytes([answer[39] ^ 1]) + answer[40:]
            return answer, ns

    promised = SPECIMENS["bac_ecdsa_p256"].record()
    checks = inspect(prepare("bac_ecdsa_p256", None, []), promised["mrz"], trust, WrongProof)
    assert checks["access_control"].result is Result.FAILED
