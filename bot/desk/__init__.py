"""The staff desk at ``/desk``: sign-in, queue, live chat, referrals, directory, reports, audit.

``access`` says which role may do what, ``routing`` puts that before every page and endpoint, ``rendering`` makes pages.
Everything else is one module a page.
"""
