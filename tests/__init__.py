"""Tests. A package, so that no other one of this name that a library brings along is found instead."""
