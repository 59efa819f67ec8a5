"""Telling people: who is told what and when, the mails and messages that come of it, and sending them once."""
