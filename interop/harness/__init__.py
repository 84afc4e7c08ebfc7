"""Starts real agents on loopback, drives them over their admin API and records their webhooks."""
