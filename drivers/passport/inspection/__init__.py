"""From files to evidence: the inspection of a document and its checks."""
