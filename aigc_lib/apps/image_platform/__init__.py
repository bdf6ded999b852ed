"""The image platform: generate, edit, keep, train on one's own pictures.

``python -m aigc_lib.apps.image_platform --port 8000`` starts it.
"""
