"""The central system: collects records, answers with receipts."""
