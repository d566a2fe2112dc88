"""Faults: chips that misbehave though their document is genuine, and what must catch each."""

from __future__ import annotations

from dataclasses import dataclass

from sim.chip.model import AfterError, Behaviour, Tampering
from sim.chip.pace import PaceFault


@dataclass(frozen=True)
class Fault:
    """A chip that misbehaves though its document is genuine.

    `caught_by` is the check that cannot succeed, "" where a good reader overcomes it.
    """

    name: str
    caught_by: str
    behaviour: Behaviour
    specimen: str = "bac_ecdsa_p256"


def tag_lost_at_byte(count: int) -> Behaviour:
    """The document is pulled away, as the chip sees it, after `count` bytes of files."""
    return Behaviour(lost_at_byte=count)


def session_ends_after(reads: int) -> Behaviour:
    """The chip drops its session (6988) after so many reads; a new session then lasts."""
    return Behaviour(session_ends_after_reads=reads)


def largest_read(size: int) -> Behaviour:
    """The chip answers 6700 to a READ BINARY of more than `size` bytes."""
    return Behaviour(largest_read=size)


def short_reads_in_plain(after: AfterError) -> Behaviour:
    """The chip refuses long reads with 6700 in plain, though a session is open."""
    return Behaviour(largest_read=223, errors_in_plain=True, after_error=after)


def stuck_after(reads: int, after: AfterError) -> Behaviour:
    """The chip drops its session after so many reads, and then answers 6982 to everything."""
    return Behaviour(session_ends_after_reads=reads, after_error=after)


def _wrong(fault: PaceFault) -> Behaviour:
    return Behaviour(pace_fault=fault)


_PACE = "pace_aa_ca"
_CAM = "pace_cam_aes128_brainpoolP256r1"

FAULTS: dict[str, Fault] = {
    name: Fault(name, caught_by, behaviour)
    for name, caught_by, behaviour in (
        ("reads_of_223", "", largest_read(223)),
        ("reads_of_160", "", largest_read(160)),
        ("reads_of_112", "", largest_read(112)),
        ("short_length_only", "", Behaviour(largest_read=256, extended_length=False)),
        (
            "mute_in_extended_length",
            "",
            Behaviour(largest_read=256, extended_length=False, extended_length_mutes=True),
        ),
        ("session_ends", "", session_ends_after(20)),
        ("error_in_plain", "", short_reads_in_plain(AfterError.ENDS)),
        ("error_in_plain_goes_on", "", short_reads_in_plain(AfterError.GOES_ON)),
        ("error_in_plain_stuck", "", short_reads_in_plain(AfterError.STUCK)),
        ("errors_in_plain", "", Behaviour(errors_in_plain=True)),
        ("stuck_until_reset", "", stuck_after(1, AfterError.STUCK)),
        ("stuck_for_good", "sod_signature", stuck_after(2, AfterError.STUCK_FOR_GOOD)),
        ("tag_lost", "dg_hash.DG2", tag_lost_at_byte(6_000)),
        ("mute", "access_control", Behaviour(mute=True)),
        ("answers_replayed", "sod_signature", Behaviour(tampering=Tampering.REPLAYED)),
        ("answers_altered", "sod_signature", Behaviour(tampering=Tampering.ALTERED)),
        ("answers_in_plain", "sod_signature", Behaviour(tampering=Tampering.PLAIN)),
    )
}
"""Faults of the chip by name, for any document. A lost or mute one ends as aborted."""

PROTOCOL_FAULTS: dict[str, Fault] = {
    name: Fault(name, caught_by, behaviour, specimen)
    for name, caught_by, behaviour, specimen in (
        ("waiting_time_extended", "", Behaviour(thinking_ns=400_000_000), _PACE),
        ("le_refused", "", Behaviour(le_refused=True), _PACE),
        ("pace_refused_at_nonce", "", Behaviour(pace_refused_at=1), _PACE),
        ("pace_refused_at_mapping", "", Behaviour(pace_refused_at=2), _PACE),
        ("pace_refused_at_agreement", "", Behaviour(pace_refused_at=3), _PACE),
        ("pace_refused_at_token", "", Behaviour(pace_refused_at=4), _PACE),
        ("pace_refused", "access_control", Behaviour(pace_refused_at=4), "pace_only"),
        ("pace_wrong_token", "", _wrong(PaceFault.WRONG_TOKEN), _CAM),
        ("pace_wrong_token_alone", "access_control", _wrong(PaceFault.WRONG_TOKEN), "pace_only"),
        ("pace_wrong_mapping", "access_control", _wrong(PaceFault.WRONG_MAPPING), "pace_im_only"),
        ("pace_no_chip_data", "chip_authentication", _wrong(PaceFault.NO_CHIP_DATA), _CAM),
        ("pace_bad_chip_data", "chip_authentication", _wrong(PaceFault.BAD_CHIP_DATA), _CAM),
        ("pace_by_can_only", "access_control", Behaviour(pace_by_can_only=True), "pace_only"),
        (
            "agreement_refused",
            "chip_authentication",
            Behaviour(agreement_refused=True),
            "ca_aes128",
        ),
    )
}
"""Faults in what a chip does besides BAC; where BAC is left, policy says whether it may do."""
