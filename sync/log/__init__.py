"""What gate and centre share: the form, keys and proofs of a record, and the transport."""
