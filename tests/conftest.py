"""What all tests share: property tests have no deadline, since the machine may be busy with other things."""

from hypothesis import settings

settings.register_profile("vidmem", deadline=None)
settings.load_profile("vidmem")
