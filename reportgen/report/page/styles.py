"""Write the colours of a page as CSS variables, and the policy that lets its own styles and scripts run alone."""

from __future__ import annotations

import base64
import hashlib

from reportgen.core import palette


def variables(ramps: dict[str, tuple[str, ...]]) -> str:
    """Colours as CSS variables, and the ink of the letters that stand on them."""
    colours = [f"--{letter}{n}:{colour};" for letter, ramp in ramps.items() for n, colour in enumerate(ramp)]
    letters = palette.TEXT_DARK if ramps is palette.DARK else palette.TEXT
    return f":root{{{''.join(colours)}--letters:{letters};}}\n"


def dark() -> str:
    """The colours of a dark page, if the reader prefers one."""
    return f"@media (prefers-color-scheme:dark){{{variables(palette.DARK)}}}\n"


def policy(style: str, scripts: tuple[str, ...]) -> str:
    """What a self-contained page may do: show this style, run these scripts, and show pictures that it holds."""

    def hashed(source: str) -> str:
        digest = hashlib.sha256(source.encode()).digest()
        return f"'sha256-{base64.b64encode(digest).decode()}'"

    none = "'none'"
    return (
        f"default-src 'none'; script-src {' '.join(map(hashed, scripts)) or none}; style-src {hashed(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
