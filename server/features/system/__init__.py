"""The installation itself: its settings, what clients are told of it, whether it is well, and its metrics.

Tables: configurations, systems. Events: config_changed. Every version of the settings is kept and one is active;
a node holds it, with the overrides of its environment, as `services.config`, and reads it anew when the signal
ConfigChanged says so. So a setting acts on all nodes at once, except addresses, which are read at the start.
"""
