"""A CSCA's public key with another private key, by a generator of one's own (CVE-2020-0601).

Public key Q = d G. Who may name the generator takes any d' and G' = Q / d': then Q = d' G', and
d' signs. A reader is taken in when it knows a CSCA by its public key and takes the parameters
from the certificate that it was shown.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from ecdsa.keys import SigningKey as EcdsaKey
from ecdsa.util import sigencode_der

from sim.chip import der
from sim.chip.curves import Group, explicit_parameters
from sim.chip.keys import EcKey, KeySource, SigningKey
from sim.chip.personalise import EF_SOD, Personalisation
from sim.chip.pki import Country, Signer, issue, signer_validity
from sim.chip.reissue import forger, groups_of, issue_again
from sim.chip.sod import document_security_object, lds_security_object


@dataclass(frozen=True)
class ChosenGeneratorKey(EcKey):
    """A private key under a generator that makes its public key that of another holder."""

    stolen: bytes = b""

    @property
    def point(self) -> bytes:
        """The public key of the one to be taken for."""
        return self.stolen

    @property
    def parameters(self) -> bytes:
        """Explicit parameters, all true but the generator."""
        return explicit_parameters(self._group())

    def sign(self, data: bytes, hash_name: str) -> bytes:
        """ECDSA in DER under that generator."""
        function = getattr(hashlib, hash_name)
        key = EcdsaKey.from_secret_exponent(self.scalar, self._group().ecdsa_curve, function)
        signed: bytes = key.sign_deterministic(data, hashfunc=function, sigencode=sigencode_der)
        return signed

    def _group(self) -> Group:
        group = Group(self.curve.parameter_id)
        point = group.decode(self.stolen)
        if point is None:
            raise ValueError("no point of this curve")
        return Group(self.curve.parameter_id, point * pow(self.scalar, -1, group.order))


def _taken_for(true: SigningKey, keys: KeySource) -> SigningKey:
    """A key of one's own with the public key of another."""
    fresh = keys.key(true.algorithm, true.hash_name)
    if not isinstance(fresh.private, EcKey):
        raise TypeError("RSA knows no generator")
    private = ChosenGeneratorKey(fresh.private.curve, fresh.private.scalar, true.public_point)
    return replace(fresh, private=private)


def chosen_generator(genuine: Personalisation) -> Personalisation:
    """A signer certified by a CSCA with the true one's name and public key, both in EF.SOD."""
    keys, country = forger(genuine, "chosen_generator")
    true = country.csca
    key = _taken_for(true.key, keys)
    validity = signer_validity(country.at)
    twin = issue(key, true.certificate.subject, keys.serial(), validity, authority=True)
    rogue = replace(country, csca=twin).with_new_signer(keys)
    return _signed_by(genuine, rogue, twin)


def chosen_generator_of_signer(genuine: Personalisation) -> Personalisation:
    """The document signer's own public key and name under another generator, signed by itself."""
    keys, country = forger(genuine, "chosen_generator_of_signer")
    true = country.signer
    key = _taken_for(true.key, keys)
    subject = true.certificate.subject
    serial, validity = true.certificate.serial, signer_validity(country.at)
    alone = issue(key, subject, serial, validity, authority=False)
    return issue_again(genuine, country=replace(country, signer=alone))


def _signed_by(genuine: Personalisation, country: Country, beside: Signer) -> Personalisation:
    name = genuine.hash_name
    hashes = {n: der.digest(name, genuine.files[0x0100 + n]) for n in groups_of(genuine)}
    content = lds_security_object(hashes, name)
    sod = document_security_object(content, country.signer, country.at, beside.certificate)
    return replace(genuine.with_file(EF_SOD, sod), country=country)
