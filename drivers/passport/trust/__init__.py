"""Passive authentication: certificates, signatures, revocation, trust anchors."""
