"""The repository of signed data: roles, ceremonies and the assignment to gates."""
