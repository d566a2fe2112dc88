"""A day at the border as a file: what it says, who comes, what is in the library."""
