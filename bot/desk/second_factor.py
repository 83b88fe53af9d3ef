"""The second factor: time-based codes (RFC 6238) of six digits, each valid for 30 seconds and once."""

from __future__ import annotations

import hmac
from datetime import datetime
from io import BytesIO
from urllib.parse import quote

import pyotp
import segno

_ISSUER = "Support desk"
_STEPS_AROUND = (-1, 0, 1)  # clocks of telephones differ
_DIGITS = 6


def new_secret() -> str:
    """A secret of 160 bits, in base 32."""
    return pyotp.random_base32()


def step_of(secret: str, code: str, last: int, moment: datetime) -> int | None:
    """The time step of a right code, or nothing for a wrong one.

    Args:
        code: as it was typed; spaces do not matter.
        last: the step of the last code that was used: that one and older ones are wrong.
    """
    digits = "".join(code.split())
    if len(digits) != _DIGITS or not (digits.isascii() and digits.isdecimal()):
        return None
    totp = pyotp.TOTP(secret)
    now = int(moment.timestamp()) // totp.interval
    found = None
    for step in (now + around for around in _STEPS_AROUND):
        if hmac.compare_digest(totp.generate_otp(step), digits) and step > last:
            found = step
    return found


def grouped(secret: str) -> str:
    """A secret as people type it: groups of four."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


def qr_image(secret: str, email: str) -> str:
    """What an authenticator app scans, as the address of an image: black on white, also on dark pages."""
    address = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=_ISSUER)
    out = BytesIO()
    segno.make(address, micro=False).save(out, kind="svg", scale=5, border=4, dark="#000", light="#fff")
    return "data:image/svg+xml;charset=utf-8," + quote(out.getvalue().decode("utf-8"))
