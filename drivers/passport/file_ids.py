"""Identifiers and tags of the files of an LDS application (Doc 9303-10, table 34)."""

from __future__ import annotations

DG_TAGS = {
    1: 0x61, 2: 0x75, 3: 0x63, 4: 0x76, 5: 0x65, 6: 0x66, 7: 0x67, 8: 0x68,
    9: 0x69, 10: 0x6A, 11: 0x6B, 12: 0x6C, 13: 0x6D, 14: 0x6E, 15: 0x6F, 16: 0x70,
}  # fmt: skip
"""Tag of each data group in EF.COM and around its file (Doc 9303-10, table 34)."""

FILE_IDS = {"COM": 0x011E, "SOD": 0x011D} | {f"DG{n}": 0x0100 + n for n in DG_TAGS}
FILE_TAGS = {"COM": 0x60, "SOD": 0x77} | {f"DG{n}": tag for n, tag in DG_TAGS.items()}
# Of the master file, not of the application (Doc 9303-11, 9.2.8 and 9.2.9).
SHORT_IDS = {name: file_id & 0x1F for name, file_id in FILE_IDS.items()}
"""Short file identifiers of the application's files (Doc 9303-10, 3.6.3 and table 34)."""
FILE_IDS |= {"CARDACCESS": 0x011C, "CARDSECURITY": 0x011D}
FILE_TAGS |= {"CARDACCESS": 0x31, "CARDSECURITY": 0x30}
