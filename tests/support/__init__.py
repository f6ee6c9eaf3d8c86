"""Helpers of the tests, by what they help with."""
