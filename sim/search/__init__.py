"""Looking for days that go wrong: random days, soak, shrink, reduce, replay, compare."""
