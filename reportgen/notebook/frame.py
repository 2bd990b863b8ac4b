"""Turn a page into a frame for a cell of a notebook.

The page is an attribute of the frame (srcdoc), so a notebook that is sent on still shows it, and no server is asked.
The frame is a sandbox without an origin: scripts in it run, and reach neither the notebook nor its server. Its height
is in pixels: Colab and VS Code make their own frame as high as what is in it, so a share of that would be a circle.
"""

from __future__ import annotations

import html

HEIGHT = 720  # px
ALLOWED = "allow-scripts allow-downloads allow-popups allow-modals"  # no allow-same-origin
STYLE = f"display:block;width:100%;height:{HEIGHT}px;border:1px solid #bbb;resize:vertical;background:#fff"


def framed(page: str, *, caption: str) -> str:
    """The HTML of a cell: the page in its frame, and under it a line for places that show no frames."""
    return (
        f'<iframe srcdoc="{html.escape(page)}" sandbox="{ALLOWED}" style="{STYLE}" '
        f'title="{html.escape(caption)}"></iframe>\n<small>{html.escape(caption)}</small>'
    )
