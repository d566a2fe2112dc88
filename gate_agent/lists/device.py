"""The device of the lists: it takes `CheckLists` and answers with one `Checked`.

Agent, simulator and benches ask the same device. A gate holds no list yet, so the answer says
that there is none, and the policy decides what that means.
"""

from __future__ import annotations

from collections.abc import Callable

from gate_agent.core.messages import Checked, CheckLists, ListState


class ListsDevice:
    """Answers what the core asks of the lists.

    Args:
        answer: takes each answer; it carries the ticket of its question.
    """

    def __init__(self, answer: Callable[[Checked], object]) -> None:
        self._answer = answer

    def command(self, command: CheckLists) -> None:
        """Look up one holder."""
        self._answer(Checked(ticket=command.ticket, state=ListState.NO_LIST, list_age_s=None))
