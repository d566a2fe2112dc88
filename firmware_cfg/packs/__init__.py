"""Rule packs as signed data: types, ladder and checker. Pure: bytes and values in, values out."""
