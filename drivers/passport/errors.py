"""What can be wrong with a document, its chip or the link to it.

These are outcomes of one document, caught inside this package and turned into check
results; a fault of the reader itself is a `drivers.errors.DriverFault`.

    DocumentError
    |-- MrzError                 not a machine readable zone of Doc 9303
    |-- TlvError                 not BER-TLV, or beyond a limit
    |-- ApduError                not an APDU, or beyond a limit
    |-- CardRefused              the chip answered with an error status word
    |   `-- AccessDenied         ... to the proof that we read the printed MRZ
    |-- SessionDead              secure messaging is not synchronised: authenticate again
    |   `-- ChipProofWrong       ... because the chip did not prove that it knows the keys
    |-- AccessLost               a chip that was open cannot be opened again
    |-- SodError                 EF.SOD or another CMS object does not parse
    |-- CertificateError         a certificate or key does not parse
    |-- SignatureInvalid         the signature is not by that key
    |-- AlgorithmUnknown         a signature scheme, hash or curve outside Doc 9303-12
    |-- FormatUnknown            a data format that is not supported
    |-- DemoMaterialRefused      marked demo material where none is accepted
    `-- LinkEnded                the conversation with the chip is over
        |-- NoChip               no chip was found in the field
        |-- AnotherCard          the card in the field is no travel document
        |-- TagLost              the chip left the field (it may be found again)
        |-- BudgetExceeded       the time for this document is used up
        |-- ReadCancelled        this document is no longer wanted
        `-- ReaderGone           the contactless reader failed

Texts of these exceptions are technical and free of personal data.
"""

from __future__ import annotations


class DocumentError(Exception):
    """Base of everything that can be wrong with one document."""


class MrzError(DocumentError):
    """Not a machine readable zone of Doc 9303: wrong number, length or alphabet of lines."""


class TlvError(DocumentError):
    """Not BER-TLV, or beyond a limit."""


class ApduError(DocumentError):
    """Not an APDU of ISO/IEC 7816-4, or beyond a limit."""


class CardRefused(DocumentError):
    """The chip answered with an error status word.

    Attributes:
        sw: the status word SW1-SW2.
    """

    def __init__(self, what: str, sw: int) -> None:
        super().__init__(f"{what}: status {sw:04X}")
        self.sw = sw


class AccessDenied(CardRefused):
    """The chip does not accept the keys derived from this MRZ."""


class SessionDead(DocumentError):
    """Secure messaging is not synchronised; only a new authentication helps."""


class ChipProofWrong(SessionDead):
    """The chip's own proof in BAC or PACE is wrong: it does not know the keys either."""


class AccessLost(DocumentError):
    """A chip that was open before gives no new session, not even after its reset."""


class SodError(DocumentError):
    """EF.SOD, or another CMS object, does not parse or lacks a mandatory part."""


class CertificateError(DocumentError):
    """A certificate or public key does not parse."""


class SignatureInvalid(DocumentError):
    """The signature was not made by that key over that data."""


class AlgorithmUnknown(DocumentError):
    """A signature scheme, hash or curve that Doc 9303-12 does not name."""


class FormatUnknown(DocumentError):
    """A data format that is not supported, though it may be well formed."""


class DemoMaterialRefused(DocumentError):
    """Material with the demo mark where none is accepted."""


class LinkEnded(DocumentError):
    """The conversation with the chip is over."""


class NoChip(LinkEnded):
    """No chip was found in the field."""


class AnotherCard(LinkEnded):
    """The card in the field has no travel document's application (Doc 9303-10, 3.6.2)."""


class TagLost(LinkEnded):
    """The chip left the field or cannot be understood; it may be found again."""


class BudgetExceeded(LinkEnded):
    """The time for this document is used up."""


class ReadCancelled(LinkEnded):
    """This document is no longer wanted."""


class ReaderGone(LinkEnded):
    """The contactless reader failed while the chip was read."""
