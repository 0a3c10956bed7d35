"""Locust must leave the modules of this process alone when tests import what stands on it."""

import os

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
