"""The music studio: a piano roll, a composer that goes on from it, files to take away.

``python -m aigc_lib.apps.music_studio --port 8000`` starts it.
"""
