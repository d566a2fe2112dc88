"""The end of each command's `--help`: an example that can be typed, and its exit codes.

Those of `egate --help` hold where a command says nothing else. The tests parse every example.
"""

from __future__ import annotations

import argparse
import textwrap

WIDTH = 88

PROCESS = "exit codes: 0 stopped; 78 bad profile, keys or models (systemd leaves it then)"
EVIDENCE = (
    "exit codes: 0 good; 1 something is wrong, named by gate and place; 2 unusable file or key"
)
RATES = "exit codes: 0 measured; 1 models are missing or refused; 2 bad folder or file"

EPILOGS = {
    "agent": "  egate agent --profile /etc/egate/lane1.d --run-dir /run/egate/lane1 \\\n"
    "      --state /var/lib/egate/lane1 --keys /etc/egate/keys/lane1\n\n"
    f"{PROCESS}; 1 the journal cannot be used",
    "reader": "  egate reader --profile /etc/egate/lane1.d --run-dir /run/egate/lane1 \\\n"
    f"      --trust /etc/egate/trust\n\n{PROCESS}",
    "vision": "  egate vision --profile /etc/egate/lane1.d --run-dir /run/egate/lane1 \\\n"
    f"      --models /var/lib/egate/models\n\n{PROCESS}",
    "sync": "  egate sync --profile /etc/egate/lane1.d --run-dir /run/egate/lane1 \\\n"
    "      --state /var/lib/egate/lane1 --keys /etc/egate/keys/lane1-sync\n\n"
    f"{PROCESS}, or another gate of our name; 1 the journal cannot be read",
    "console": "  egate console --lane 1=/run/egate/lane1 --lane 2=/run/egate/lane2 \\\n"
    "      --keys /etc/egate/console --officers /etc/egate/console/officers.json\n\n"
    "exit codes: 0 stopped; 3 the port is taken; 78 bad key or officers file",
    "officer add": "  egate officer add siti --second-factor --file officers.json",
    "officer remove": "  egate officer remove siti --file officers.json",
    "officer list": "  egate officer list --file officers.json",
    "rules check": "  egate rules check indonesia\n\n"
    "exit codes: 0 good; 1 gaps, overlaps or dead rows; 2 unusable pack",
    "rules decide": "  egate rules decide indonesia --facts traveller.json --json",
    "rules diff": "  egate rules diff rules-7.toml rules-8.toml --records exported/ --json",
    "journal verify": "  egate journal verify journal.db --centre-key centre.pub\n\n" + EVIDENCE,
    "journal show": "  egate journal show /var/lib/egate/lane1/journal.db 12 --json\n"
    "  egate journal show /var/lib/egate/lane1/journal.db --table outbox",
    "journal export": "  egate journal export journal.db --out evidence.jsonl \\\n"
    "      --gate-key gate.pub --centre-key centre.pub",
    "journal backup": "  egate journal backup /var/lib/egate/lane1/journal.db \\\n"
    "      --records records.backup --keys keys.backup",
    "journal restore": "  egate journal restore journal.db \\\n"
    "      --records records.backup --keys keys.backup",
    "journal trim": "  egate journal trim /var/lib/egate/lane1/journal.db --days 90 \\\n"
    "    --centre-key centre.pub --json\n\nexit codes: 0 done, also with nothing to remove;"
    " 1 the journal is not in order,\nnothing was removed; 2 it cannot be used, or the agent runs",
    "journal schema": "  egate journal schema > record.schema.json",
    "centre run": "  egate centre run --state /var/lib/egate-centre \\\n"
    "      --host sync.example.org --port 8883 --ca mqtt-ca.pem --cert mqtt.crt --key mqtt.key\n\n"
    "exit codes: 0 stopped; 1 the database or the broker's name cannot be used; 78 bad key",
    "centre audit": f"  egate centre audit --state /var/lib/egate-centre --json\n\n{EVIDENCE}",
    "centre show": "  egate centre show --state /var/lib/egate-centre --gate north-1 --seq 12",
    "centre init": "  egate centre init --state /var/lib/egate-centre --database postgresql:///egate",
    "centre officer": "  egate centre officer siti --state /var/lib/egate-centre",
    "centre page": "  egate centre page --state /var/lib/egate-centre\n\n"
    "exit codes: 0 stopped; 3 the port is taken; 78 no centre.pub (`egate centre init`)\n"
    "or no officers (`egate centre officer`)",
    "centre metrics": "  egate centre metrics --state /var/lib/egate-centre",
    "centre enrol": "  egate centre enrol north-1 --token --state /var/lib/egate-centre",
    "centre erase": "  egate centre erase 12 13 --gate north-1 --reason 'request 2026/7' \\\n"
    "      --state /var/lib/egate-centre",
    "centre prove": "  egate centre prove --gate north-1 --seq 12 --state /var/lib/egate-centre",
    "centre export": "  egate centre export --out evidence.jsonl --state /var/lib/egate-centre",
    "enrol": "  egate enrol --keys /etc/egate/keys/lane1-sync --token-file token \\\n"
    "      --host sync.example.org --port 8883 --ca mqtt-ca.pem --cert mqtt.crt --key mqtt.key\n\n"
    "exit codes: 0 enrolled; 1 the broker cannot be reached; 2 bad token, bad key, or no answer",
    "audit": f"  egate audit evidence.jsonl --centre-key centre.pub\n\n{EVIDENCE}",
    "profile check": "  egate profile check /etc/egate/lane1.d\n\n"
    "exit codes: 0 good; 78 not, with file, field and bound",
    "profile show": "  egate profile show /etc/egate/lane1.d\n\nexit codes: 0; 78 a bad profile",
    "profile schema": "  egate profile schema > profile.schema.json",
    "profile drift": "  egate profile drift /etc/egate/lane1.d",
    "codes": "  egate codes 314\n  egate codes list_hit\n  egate codes --json\n\n"
    "exit codes: 0 printed; 2 there is no such code, or FILE cannot be written",
    "safety search": "  egate safety search --topology mantrap --only fire",
    "stats deadlines": "  egate stats deadlines /var/lib/egate/lane1/journal.db --json",
    "safety doc": "  egate safety doc --write docs/safety.md",
    "models list": "  egate models list",
    "models prepare": "  egate models prepare --store /var/lib/egate/models",
    "models add": "  egate models add models --store /var/lib/egate/models",
    "models cohort": "  egate models cohort --images volunteers",
    "models key": "  egate models key authority.key",
    "models describe": "  egate models describe network.onnx --name ours > addition.toml",
    "models seal": "  egate models seal DIR --calibration calibration.json --key authority.key",
    "models verify": "  egate models verify --json",
    "document inspect": "  egate document inspect --reader pn532:/dev/egate/chip --can 240115\n"
    "  egate document inspect --file SOD=read/SOD.bin --file DG1=read/DG1.bin --trust trust",
    "mrz parse": "  egate mrz parse "
    r"'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10'"
    "\n\nexit codes: 0 a zone was found, with good or bad check digits; 2 it is not a zone",
    "trust import": "  egate trust import masterlist.ml CSCA.cer",
    "trust list": "  egate trust list",
    "trust verify": "  egate trust verify",
    "face compare": "  egate face compare portrait.jp2 live.jpg --json\n\n"
    "exit codes: 0 compared, whatever the decision; 1 models are missing or refused; 2 bad file",
    "face inspect": f"  egate face inspect portrait.jpg\n\n{RATES}",
    "face evaluate": f"  egate face evaluate --images DIR --report report.html\n\n{RATES}",
    "face calibrate": f"  egate face calibrate --images DIR --out calibration.json\n\n{RATES}",
    "bench face": "  egate bench face --rounds 5",
    "bench journal": "  egate bench journal --records 200000 --json",
    "bench sync": "  egate bench sync --records 20000",
    "bench document": "  egate bench document",
    "bench eyes": "  egate bench eyes --images DIR",
    "bench occlusion": "  egate bench occlusion --images DIR --json",
    "bench lane": "  egate bench lane --crossings 10",
    "bench sim": "  egate bench sim --crossings 20",
    "demo": "  egate demo --once --json\n\n"
    "exit codes: 0 ended, and with --once everything came as expected; 1 something did not, or\n"
    "nothing could be started; 2 bad arguments",
    "chip specimens": "  egate chip specimens --trust-out trust",
    "chip faults": "  egate chip faults",
    "sim list": "  egate sim list --json",
    "sim schema": "  egate sim schema > scenario.schema.json",
    "sim lint": "  egate sim lint my_day.toml",
    "sim run": "  egate sim run document/expired\n"
    "  egate sim run my_day.toml --report out --trace traces",
    "sim replay": "  egate sim replay traces/lane1 --policy strict.toml",
    "sim reduce": "  egate sim reduce traces/lane1 --into again.toml",
    "sim diff": "  egate sim diff out seed8",
    "sim shrink": "  egate sim shrink wrong.toml --into small.toml",
    "sim soak": "  egate sim soak --seeds 5",
    "sim photos": "  egate sim photos",
    "chaos": "  egate chaos --kills 5 --sqlite\n  egate chaos --power-cuts 100 --json",
}


def teach(parser: argparse.ArgumentParser) -> None:
    """Give every command below this one its example, and its purpose where it has no other text.

    argparse has no public way from a parser to the commands that were added to it.
    """
    for action in parser._actions:  # noqa: SLF001
        if not isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            continue
        purposes = {row.dest: row.help for row in action._choices_actions}  # noqa: SLF001
        for name, command in action.choices.items():
            if name in purposes:
                _complete(command, purposes[name] or "")
            teach(command)


def _complete(command: argparse.ArgumentParser, purpose: str) -> None:
    if command.formatter_class is argparse.HelpFormatter:
        text = command.description or f"{purpose[:1].upper()}{purpose[1:]}."
        command.description = textwrap.fill(text, WIDTH, break_on_hyphens=False)
        command.formatter_class = argparse.RawDescriptionHelpFormatter
    epilog = EPILOGS.get(command.prog.removeprefix("egate "))
    if epilog:
        command.epilog = f"example:\n{epilog}"
