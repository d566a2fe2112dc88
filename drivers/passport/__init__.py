"""The passport reader: MRZ line reader, contactless chip, inspection."""
