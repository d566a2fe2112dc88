"""Settings of all tests."""

from hypothesis import settings

# A shared machine is noisy: how long an example takes says nothing about the code.
settings.register_profile("egate", deadline=None)
settings.load_profile("egate")
