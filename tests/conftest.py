from hypothesis import settings

settings.register_profile("no-clock", deadline=None, max_examples=50)
settings.load_profile("no-clock")
