"""Reads for pages, the API and reports. They change nothing and take no lock."""
