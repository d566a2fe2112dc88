"""The device of the lists."""

from __future__ import annotations

from gate_agent.core.messages import Checked, CheckLists, ListState
from gate_agent.lists.device import ListsDevice


def test_a_gate_without_a_list_answers_every_question_by_its_ticket() -> None:
    answers: list[Checked] = []
    device = ListsDevice(answers.append)
    for ticket in (3, 4):
        device.command(CheckLists(ticket=ticket, holder="h"))
    assert [answer.ticket for answer in answers] == [3, 4]
    assert {(answer.state, answer.list_age_s) for answer in answers} == {(ListState.NO_LIST, None)}
