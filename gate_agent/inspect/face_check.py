"""Whether DG2 holds a portrait: judged by decoding it, where no vision process is at hand."""

from __future__ import annotations

from drivers.passport.errors import FormatUnknown, TlvError
from drivers.passport.inspection.face_image import FaceImage, parse_dg2
from drivers.types import Check, Result


def face_check(dg2: bytes) -> Check:
    """Decode the first portrait of DG2, within the limits of `biometrics.portrait`."""
    from biometrics.errors import BiometricFault
    from biometrics.portrait import decode

    try:
        found = parse_dg2(dg2)
    except TlvError as error:
        return Check(id="face_image", result=Result.FAILED, detail=str(error))
    except FormatUnknown as error:
        return Check(id="face_image", result=Result.UNDETERMINED, detail=str(error))
    try:
        picture = decode(dg2)
    except BiometricFault as error:
        return Check(id="face_image", result=Result.FAILED, detail=error.diagnosis)
    rows, columns = picture.shape[:2]
    return Check(id="face_image", result=Result.SUCCESSFUL, detail=_describe(found, columns, rows))


def _describe(found: FaceImage, columns: int, rows: int) -> str:
    detail = f"{found.coding}, {columns}x{rows}, {len(found.data)} bytes"
    claimed = (found.width_px, found.height_px)
    if claimed not in ((0, 0), (columns, rows)):
        detail += f"; its header claims {claimed[0]}x{claimed[1]}"
    return detail
