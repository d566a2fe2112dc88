"""Codes of the reasons for which a rule may refer a traveller to an officer."""

from __future__ import annotations

RESERVED = tuple(f"rule_{number}" for number in range(1, 33))
"""Reasons whose sentences come with the pack, so that a new rule needs no release."""

RULE_REASONS = (
    "under_age",
    "expiry",
    "not_eligible",
    "entitlement_missing",
    "declaration_missing",
    "stay_used_up",
    "not_accompanied",
    "too_short",
    "staff_only",
    "closed_hours",
    "list_hit",
    "document_listed",
    "document_reused",
    "release_by_officer",
    *RESERVED,
)
"""Every reason a row may give."""

NOT_ELIGIBLE = "not_eligible"
"""No row grants anything to this traveller."""

FACTS_UNKNOWN = "rule_facts_unknown"
"""A row may apply, but a fact that it reads is not known."""

RULES_OVERLAP = "rules_overlap"
"""Two rows grant at once. A checked pack has no such traveller."""
