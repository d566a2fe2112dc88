"""The way of a record from journal to centre, against bare COPY and single messages."""
