"""`egate doctor`: whether this computer can run this lane, and if not, what to do."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from gate_agent.commands.numbers import count

LISTEN_S = 1

EPILOG = """\
exit codes: 0 everything is good; 1 the lane works, but something needs attention;
2 the lane cannot go into service. Run it as the user of the units, before they run:

  runuser -u egate-agent -- egate doctor --profile /etc/egate/lane1.d \\
      --state /var/lib/egate/lane1 --keys /etc/egate/keys/lane1 \\
      --trust /etc/egate/trust --models /var/lib/egate/models
"""


def register(commands: Any) -> None:
    """Add `egate doctor` to the command line."""
    doctor = commands.add_parser(
        "doctor",
        help="ports, permissions, models, trust lists, clock, disk, broker: what to do about each",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    doctor.add_argument("--profile", type=Path, action="append", default=[], metavar="FILE")
    doctor.add_argument("--state", type=Path, help="journal and traces")
    doctor.add_argument("--keys", type=Path, help="the lane's keys")
    doctor.add_argument("--trust", type=Path, action="append", default=[], help="CSCA certificates")
    doctor.add_argument("--models", type=Path, help="installed models (default: beside egate)")
    doctor.add_argument(
        "--listen-s",
        type=count,
        default=LISTEN_S,
        metavar="S",
        help="seconds to listen to the MRZ reader; put a document on it in that time "
        "(default: %(default)s)",
    )
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from gate_agent.host.doctor import Grade

    findings = _look(arguments)
    worst = 0
    for grade, code in ((Grade.ATTENTION, 1), (Grade.BROKEN, 2)):
        if any(finding.grade is grade for finding in findings):
            worst = code
    if arguments.json:
        rows = [finding._asdict() for finding in findings]
        print(json.dumps({"ok": worst == 0, "exit": worst, "findings": rows}))
        return worst
    for finding in findings:
        print(f"{finding.grade.value:<10} {finding.check}: {finding.what}")
        if finding.do:
            print(f"           do: {finding.do}")
    print(("everything is good", "needs attention", "cannot go into service")[worst])
    return worst


def _look(arguments: argparse.Namespace) -> list[Any]:
    from firmware_cfg.load import ProfileError, check
    from firmware_cfg.time_zone import minute_at_gate
    from gate_agent.commands.models import default_store
    from gate_agent.commands.profile_files import merge
    from gate_agent.commands.trust import default_store as default_trust
    from gate_agent.host import doctor
    from gate_agent.host.mrz_listening import mrz_reader
    from gate_agent.lane_api.api import Role
    from gate_agent.live import utc_ms, utc_now

    findings: list[Any] = []
    tier, demo = "best", False
    if arguments.profile:
        try:
            profile = merge(arguments.profile)
        except ProfileError as first:
            findings += [
                doctor.Finding("profile", doctor.Grade.BROKEN, str(error), "correct that field")
                for error in check(arguments.profile) or (first,)
            ]
        else:
            tier, demo = profile.face.tier, profile.lane.demo
            what = f"lane {profile.lane.number} of {profile.lane.gate}"
            if profile.lane.demo:
                what += ", marked as a demonstration"
            what += f"; its calendar: {minute_at_gate(utc_ms(), profile.lane.time_zone)}"
            findings.append(doctor.Finding("profile", doctor.Grade.GOOD, what))
            findings += doctor.supervisors(profile)
            findings += doctor.ports(profile)
            findings += mrz_reader(profile.mrz_reader, arguments.listen_s)
            findings += doctor.camera(profile)
            findings += doctor.broker(profile)
    findings += doctor.models(arguments.models or default_store(), tier)
    trusted = arguments.trust or [default_trust()]
    findings += doctor.trust(trusted, utc_now().date().toordinal(), demo=demo)
    findings += doctor.clock_set()
    if arguments.state is not None:
        findings += doctor.disk(arguments.state)
    if arguments.keys is not None:
        names = (*(f"{role.value}.key" for role in Role), "journal.key")
        findings += doctor.keys(arguments.keys, names)
    return findings
