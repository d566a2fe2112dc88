"""The proof of the lane: environment, exhaustive search, and the document made from both."""
