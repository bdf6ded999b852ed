"""The opinion monitor: headlines in, topic and sentiment, trends and alarms out.

``python -m aigc_lib.apps.opinion_monitor --port 8000`` starts it on a made-up stream.
"""
