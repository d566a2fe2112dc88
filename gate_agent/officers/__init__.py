"""Officers: who they are, and their signatures under what they do."""
