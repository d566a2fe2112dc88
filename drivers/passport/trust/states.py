"""States in their two codes: three letters in an MRZ, two in a certificate.

ISO 3166-1, with the additions of Doc 9303-3 part 5 (D, EUE, UNO, RKS, GBD, ...).
"""

from __future__ import annotations

_PAIRS = """
AFGAF ALBAL DZADZ ASMAS ANDAD AGOAO AIAAI ATAAQ ATGAG ARGAR ARMAM ABWAW AUSAU AUTAT AZEAZ
BHSBS BHRBH BGDBD BRBBB BLRBY BELBE BLZBZ BENBJ BMUBM BTNBT BOLBO BESBQ BIHBA BWABW BVTBV
BRABR IOTIO BRNBN BGRBG BFABF BDIBI CPVCV KHMKH CMRCM CANCA CYMKY CAFCF TCDTD CHLCL CHNCN
CXRCX CCKCC COLCO COMKM COGCG CODCD COKCK CRICR CIVCI HRVHR CUBCU CUWCW CYPCY CZECZ DNKDK
DJIDJ DMADM DOMDO ECUEC EGYEG SLVSV GNQGQ ERIER ESTEE SWZSZ ETHET FLKFK FROFO FJIFJ FINFI
FRAFR GUFGF PYFPF ATFTF GABGA GMBGM GEOGE DEUDE GHAGH GIBGI GRCGR GRLGL GRDGD GLPGP GUMGU
GTMGT GGYGG GINGN GNBGW GUYGY HTIHT HMDHM VATVA HNDHN HKGHK HUNHU ISLIS INDIN IDNID IRNIR
IRQIQ IRLIE IMNIM ISRIL ITAIT JAMJM JPNJP JEYJE JORJO KAZKZ KENKE KIRKI PRKKP KORKR KWTKW
KGZKG LAOLA LVALV LBNLB LSOLS LBRLR LBYLY LIELI LTULT LUXLU MACMO MDGMG MWIMW MYSMY MDVMV
MLIML MLTMT MHLMH MTQMQ MRTMR MUSMU MYTYT MEXMX FSMFM MDAMD MCOMC MNGMN MNEME MSRMS MARMA
MOZMZ MMRMM NAMNA NRUNR NPLNP NLDNL NCLNC NZLNZ NICNI NERNE NGANG NIUNU NFKNF MKDMK MNPMP
NORNO OMNOM PAKPK PLWPW PSEPS PANPA PNGPG PRYPY PERPE PHLPH PCNPN POLPL PRTPT PRIPR QATQA
REURE ROURO RUSRU RWARW BLMBL SHNSH KNAKN LCALC MAFMF SPMPM VCTVC WSMWS SMRSM STPST SAUSA
SENSN SRBRS SYCSC SLESL SGPSG SXMSX SVKSK SVNSI SLBSB SOMSO ZAFZA SGSGS SSDSS ESPES LKALK
SDNSD SURSR SJMSJ SWESE CHECH SYRSY TWNTW TJKTJ TZATZ THATH TLSTL TGOTG TKLTK TONTO TTOTT
TUNTN TURTR TKMTM TCATC TUVTV UGAUG UKRUA AREAE GBRGB USAUS UMIUM URYUY UZBUZ VUTVU VENVE
VNMVN VGBVG VIRVI WLFWF ESHEH YEMYE ZMBZM ZWEZW ALAAX
"""

ALPHA2: dict[str, str] = {pair[:3]: pair[3:] for pair in _PAIRS.split()} | {
    "D": "DE",
    "GBD": "GB",
    "GBN": "GB",
    "GBO": "GB",
    "GBP": "GB",
    "GBS": "GB",
    "EUE": "EU",
    "RKS": "KS",
    "XKX": "KS",
    "UNO": "UN",
    "UNA": "UN",
    "UNK": "UN",
    "XOM": "XO",
    "XPO": "XP",
    "XCC": "XC",
    "XCE": "XE",
    "XEC": "XW",
    "XCO": "XM",
    "XMP": "XA",
    "XBA": "XB",
    "XIM": "XI",
    "XES": "XS",
    "XDC": "XD",
    "UTO": "UT",
}
"""Three-letter code, fillers removed, to the two letters of certificates (Doc 9303-12, 7.1)."""

_SAME = {"KS": {"KS", "XK", "RK"}, "EU": {"EU"}, "GB": {"GB", "UK"}, "ZW": {"ZW"}}
# Hong Kong and Macao documents are issued by China and may be signed by its CSCA.
# British overseas territories' may be signed by a territory of its own, as Bermuda does.
_ISSUED_BY = {
    "CHN": {"CN", "HK", "MO"},
    "HKG": {"HK", "CN"},
    "MAC": {"MO", "CN"},
    "GBD": {"GB", "UK", "AI", "BM", "FK", "GI", "IO", "KY", "MS", "PN", "SH", "TC", "VG"},
}


def same_state(mrz_state: str, certificate_country: str) -> bool | None:
    """Whether a document's state is the certificate's; None when that is not known."""
    if not certificate_country:
        return None
    country = certificate_country.upper()
    if mrz_state == country:
        return True
    if mrz_state in _ISSUED_BY:
        return country in _ISSUED_BY[mrz_state]
    alpha2 = ALPHA2.get(mrz_state)
    if alpha2 is None:
        return None
    return country in _SAME.get(alpha2, {alpha2}) or country == mrz_state
