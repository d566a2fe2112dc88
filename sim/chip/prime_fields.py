"""Prime fields with a subgroup of prime order (RFC 5114): scalars, elements, their encoding.

Written additively, as the curves are, so that the protocols read the same over both: the sum of
two elements is their product, a multiple is a power.

The groups stand here once more, beside the reader's (`drivers.passport.chip.modp`), on purpose:
reader and chip share no table, so that a wrong digit in one of them is seen; OpenSSL judges both.
"""

from __future__ import annotations

from typing import NamedTuple

import gmpy2

from sim.chip import der
from sim.chip.curves import Group, Random


class Element(NamedTuple):
    """A field element as a member of the group."""

    value: int
    prime: int

    def __mul__(self, times: object) -> Element:
        """A multiple: the power."""
        if not isinstance(times, int):
            return NotImplemented
        return Element(int(gmpy2.powmod(self.value, times, self.prime)), self.prime)

    def __add__(self, other: object) -> Element:
        """The sum: the product."""
        if not isinstance(other, Element):
            return NotImplemented
        return Element(self.value * other.value % self.prime, self.prime)


class _Field(NamedTuple):
    name: str
    p: int
    generator: int
    order: int


def _prime_field(name: str, p: str, generator: str, order: str) -> _Field:
    return _Field(name, int(p, 16), int(generator, 16), int(order, 16))


FIELDS: dict[int, _Field] = {
    0: _prime_field(
        "modp1024_160",
        "B10B8F96A080E01DDE92DE5EAE5D54EC52C99FBCFB06A3C69A6A9DCA52D23B616073E28675A23D18"
        "9838EF1E2EE652C013ECB4AEA906112324975C3CD49B83BFACCBDD7D90C4BD7098488E9C219A7372"
        "4EFFD6FAE5644738FAA31A4FF55BCCC0A151AF5F0DC8B4BD45BF37DF365C1A65E68CFDA76D4DA708"
        "DF1FB2BC2E4A4371",
        "A4D1CBD5C3FD34126765A442EFB99905F8104DD258AC507FD6406CFF14266D31266FEA1E5C41564B"
        "777E690F5504F213160217B4B01B886A5E91547F9E2749F4D7FBD7D3B9A92EE1909D0D2263F80A76"
        "A6A24C087A091F531DBF0A0169B6A28AD662A4D18E73AFA32D779D5918D08BC8858F4DCEF97C2A24"
        "855E6EEB22B3B2E5",
        "F518AA8781A8DF278ABA4E7D64B7CB9D49462353",
    ),
    1: _prime_field(
        "modp2048_224",
        "AD107E1E9123A9D0D660FAA79559C51FA20D64E5683B9FD1B54B1597B61D0A75E6FA141DF95A56DB"
        "AF9A3C407BA1DF15EB3D688A309C180E1DE6B85A1274A0A66D3F8152AD6AC2129037C9EDEFDA4DF8"
        "D91E8FEF55B7394B7AD5B7D0B6C12207C9F98D11ED34DBF6C6BA0B2C8BBC27BE6A00E0A0B9C49708"
        "B3BF8A317091883681286130BC8985DB1602E714415D9330278273C7DE31EFDC7310F7121FD5A074"
        "15987D9ADC0A486DCDF93ACC44328387315D75E198C641A480CD86A1B9E587E8BE60E69CC928B2B9"
        "C52172E413042E9B23F10B0E16E79763C9B53DCF4BA80A29E3FB73C16B8E75B97EF363E2FFA31F71"
        "CF9DE5384E71B81C0AC4DFFE0C10E64F",
        "AC4032EF4F2D9AE39DF30B5C8FFDAC506CDEBE7B89998CAF74866A08CFE4FFE3A6824A4E10B9A6F0"
        "DD921F01A70C4AFAAB739D7700C29F52C57DB17C620A8652BE5E9001A8D66AD7C17669101999024A"
        "F4D027275AC1348BB8A762D0521BC98AE247150422EA1ED409939D54DA7460CDB5F6C6B250717CBE"
        "F180EB34118E98D119529A45D6F834566E3025E316A330EFBB77A86F0C1AB15B051AE3D428C8F8AC"
        "B70A8137150B8EEB10E183EDD19963DDD9E263E4770589EF6AA21E7F5F2FF381B539CCE3409D13CD"
        "566AFBB48D6C019181E1BCFE94B30269EDFE72FE9B6AA4BD7B5A0F1C71CFFF4C19C418E1F6EC0179"
        "81BC087F2A7065B384B890D3191F2BFA",
        "801C0D34C58D93FE997177101F80535A4738CEBCBF389A99B36371EB",
    ),
    2: _prime_field(
        "modp2048_256",
        "87A8E61DB4B6663CFFBBD19C651959998CEEF608660DD0F25D2CEED4435E3B00E00DF8F1D61957D4"
        "FAF7DF4561B2AA3016C3D91134096FAA3BF4296D830E9A7C209E0C6497517ABD5A8A9D306BCF67ED"
        "91F9E6725B4758C022E0B1EF4275BF7B6C5BFC11D45F9088B941F54EB1E59BB8BC39A0BF12307F5C"
        "4FDB70C581B23F76B63ACAE1CAA6B7902D52526735488A0EF13C6D9A51BFA4AB3AD8347796524D8E"
        "F6A167B5A41825D967E144E5140564251CCACB83E6B486F6B3CA3F7971506026C0B857F689962856"
        "DED4010ABD0BE621C3A3960A54E710C375F26375D7014103A4B54330C198AF126116D2276E11715F"
        "693877FAD7EF09CADB094AE91E1A1597",
        "3FB32C9B73134D0B2E77506660EDBD484CA7B18F21EF205407F4793A1A0BA12510DBC15077BE463F"
        "FF4FED4AAC0BB555BE3A6C1B0C6B47B1BC3773BF7E8C6F62901228F8C28CBB18A55AE31341000A65"
        "0196F931C77A57F2DDF463E5E9EC144B777DE62AAAB8A8628AC376D282D6ED3864E67982428EBC83"
        "1D14348F6F2F9193B5045AF2767164E1DFC967C1FB3F2E55A4BD1BFFE83B9C80D052B985D182EA0A"
        "DB2A3B7313D3FE14C8484B1E052588B9B7D2BBD2DF016199ECD06E1557CD0915B3353BBB64E0EC37"
        "7FD028370DF92B52C7891428CDC67EB6184B523D1DB246C32F63078490F00EF8D647D148D4795451"
        "5E2327CFEF98C582664B4C0F6CC41659",
        "8CF83642A709A097B447997640129DA299B1A47D1EB3750BA308B0FE64F5FBD3",
    ),
}
"""RFC 5114, 2.1 to 2.3, by the identifier of PACEInfo's parameterId."""


class PrimeFieldGroup:
    """One of these groups, with the methods of a curve's."""

    def __init__(self, parameter_id: int) -> None:
        field = FIELDS[parameter_id]
        self.name = field.name
        self.p, self.order = field.p, field.order
        self.size = (self.p.bit_length() + 7) // 8
        self.public_tag = 0x84
        self.generator = Element(field.generator, self.p)

    def scalar(self, random: Random) -> int:
        """A private key in 1 to order - 1; 64 bits more than the order make it unbiased."""
        drawn = random((self.order.bit_length() + 7) // 8 + 8)
        return int.from_bytes(drawn, "big") % (self.order - 1) + 1

    def encode(self, element: Element) -> bytes:
        """An unsigned integer in the fewest bytes (9.4.1)."""
        return element.value.to_bytes((element.value.bit_length() + 7) // 8, "big")

    def x(self, element: Element) -> bytes:
        """What a key agreement gives: the element in as many bytes as the prime has."""
        return element.value.to_bytes(self.size, "big")

    def decode(self, encoded: bytes) -> Element | None:
        """A member of the subgroup, neither 1 nor p - 1; None for anything else."""
        element = Element(int.from_bytes(encoded, "big"), self.p)
        if len(encoded) > self.size or not 2 <= element.value <= self.p - 2:
            return None
        return element if (element * self.order).value == 1 else None

    def integrated(self, element: int) -> Element | None:
        """The generator of integrated mapping: the element to the cofactor; None for 1 or 0."""
        mapped = Element(element, self.p) * ((self.p - 1) // self.order)
        return mapped if mapped.value > 1 else None

    def is_infinity(self, element: Element) -> bool:
        """Whether a product came out as 1."""
        return element.value == 1


AnyGroup = Group | PrimeFieldGroup


def group_of(parameter_id: int) -> AnyGroup:
    """The group of standardised parameters: 0 to 2, or a curve's from 8 to 18."""
    if parameter_id in FIELDS:
        return PrimeFieldGroup(parameter_id)
    return Group(parameter_id)


def x942_parameters(parameter_id: int) -> bytes:
    """DomainParameters with p, g and q (RFC 3279, 2.3.3)."""
    field = FIELDS[parameter_id]
    return der.sequence(*map(der.integer, (field.p, field.generator, field.order)))
