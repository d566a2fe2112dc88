"""The machine readable zone: parsing, check digits, candidates of a misread zone."""
