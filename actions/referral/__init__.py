"""Referral to a coach or a physiotherapist: wishes, matches, consent, how to be reached, and what became of it."""
