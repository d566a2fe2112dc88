"""Forgeries of who issued a document: authorities, document signers, validity, revocation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sim.chip.keys import Algorithm, KeySource
from sim.chip.personalise import Personalisation
from sim.chip.pki import Country, Validity, found_country, issue, name
from sim.chip.reissue import forger, issue_again, issued_by


def unknown_csca(genuine: Personalisation) -> Personalisation:
    """A country of the same name with keys of its own."""
    keys, country = forger(genuine, "unknown_csca")
    rogue = found_country(keys, country.at, code=country.code, algorithm=country.algorithm)
    return issued_by(genuine, rogue)


def same_key_identifier(genuine: Personalisation) -> Personalisation:
    """A rogue CSCA that gives itself the true one's name and key identifier."""
    keys, country = forger(genuine, "same_key_identifier")
    true = country.csca
    rogue = replace(true, key=keys.key(country.algorithm))
    return issued_by(genuine, replace(country, csca=rogue).with_new_signer(keys))


def signer_as_authority(genuine: Personalisation) -> Personalisation:
    """A document signer issued by the true document signer, which is no authority."""
    keys, country = forger(genuine, "signer_as_authority")
    second = replace(country, csca=country.signer).with_new_signer(keys)
    return issued_by(genuine, replace(country, signer=second.signer))


def foreign_signer(genuine: Personalisation) -> Personalisation:
    """A document signer of another state by its name, certified by the true CSCA."""
    keys, country = forger(genuine, "foreign_signer")
    foreign = replace(country, code="XO").with_new_signer(keys)
    return issued_by(genuine, replace(country, signer=foreign.signer))


def revoked_signer(country: Country) -> Country:
    """The country with the document signer that its revocation list names."""
    return country.with_new_signer(KeySource.seeded(b"revoked" + country.csca.certificate.key_id))


def revoked_ds(genuine: Personalisation) -> Personalisation:
    """The document signer is on its CSCA's revocation list."""
    return issued_by(genuine, revoked_signer(genuine.country))


def expired_country(country: Country) -> Country:
    """The state's CSCA of long ago, with a document signer still valid."""
    keys = KeySource.seeded(b"expired" + country.csca.certificate.key_id)
    key = keys.key(Algorithm.ECDSA_P256)
    validity = Validity(country.at - timedelta(days=9_000), country.at - timedelta(days=30))
    subject = name(country.code, "Utopia Demo", "DEMO CSCA of old")
    old = issue(key, subject, keys.serial(), validity, authority=True)
    return replace(country, csca=old, algorithm=Algorithm.ECDSA_P256).with_new_signer(keys)


def expired_csca(genuine: Personalisation) -> Personalisation:
    """The CSCA is no longer valid."""
    return issued_by(genuine, expired_country(genuine.country))


def self_signed_ds(genuine: Personalisation) -> Personalisation:
    """No CSCA has signed the document signer."""
    keys, country = forger(genuine, "self_signed_ds")
    return issued_by(genuine, country.with_self_signed_signer(keys))


def expired_ds(genuine: Personalisation) -> Personalisation:
    """The document signer is no longer valid."""
    keys, country = forger(genuine, "expired_ds")
    at = country.at
    validity = Validity(at - timedelta(days=300), at - timedelta(days=30))
    return issued_by(genuine, country.with_new_signer(keys, validity))


def future_ds(genuine: Personalisation) -> Personalisation:
    """The document signer is not valid yet."""
    keys, country = forger(genuine, "future_ds")
    at = country.at
    validity = Validity(at + timedelta(days=3_000), at + timedelta(days=6_000))
    return issued_by(genuine, country.with_new_signer(keys, validity))


def wrong_issuing_state(genuine: Personalisation) -> Personalisation:
    """A passport of one state signed by another's document signer."""
    holder = replace(genuine.holder, issuing_state="D", nationality="D")
    return issue_again(genuine, holder=holder)


def expired_document(genuine: Personalisation) -> Personalisation:
    """The document is no longer valid."""
    expired = genuine.holder.with_expiry((genuine.country.at - timedelta(days=30)).date())
    return issue_again(genuine, holder=expired)
