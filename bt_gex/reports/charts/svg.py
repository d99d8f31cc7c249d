"""Pictures as SVG: by themselves, or inside a page whose colours they take."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from bt_gex.reports.charts import drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Colours of a picture that a page sets, so that it can be light or dark.
THEMED = {
    "#000000": "var(--ink)",
    "#ffffff": "var(--surface)",
    drawing.GREY: "var(--muted)",
    drawing.PALE: "var(--line)",
    drawing.BLUE: "var(--blue)",
    drawing.VERMILION: "var(--vermilion)",
    drawing.GREEN: "var(--green)",
    drawing.ORANGE: "var(--orange)",
    drawing.PURPLE: "var(--purple)",
    drawing.SKY: "var(--sky)",
}
SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "bt_gex", "path.simplify_threshold": 0.4}


def svg_bytes(figure: Figure, transparent: bool = False) -> bytes:
    """The picture; the same figure gives the same bytes."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context(SETTINGS):
        figure.savefig(
            buffer,
            format="svg",
            metadata={"Date": None, "Creator": None},
            transparent=transparent,
        )
    return buffer.getvalue()


def inline_svg(figure: Figure, name: str, label: str) -> str:
    """The picture as an element of a page.

    name   distinguishes its parts from those of other pictures on the page
    label  what it shows, for those who do not see it
    """
    text = svg_bytes(figure, transparent=True).decode("utf-8")
    text = text[text.index("<svg") :]
    used = set(re.findall(r"#([\w.-]+)[\")]", text))
    text = re.sub(
        r' id="([\w.-]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", text
    )
    text = re.sub(r'(href="#|url\(#)', rf"\1{name}-", text)
    text = re.sub(r"#[0-9a-fA-F]{6}\b", lambda m: _themed(m[0]), text)
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    text = re.sub(r"-?\d+\.\d{3,}", lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), text)
    text = re.sub(r"\n\s*", "\n", text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{_escaped(label)}" ', 1)


def _themed(colour: str) -> str:
    same = {known.lower(): variable for known, variable in THEMED.items()}
    return same.get(colour.lower(), colour)


def _escaped(text: str) -> str:
    for raw, safe in (("&", "&amp;"), ('"', "&quot;"), ("<", "&lt;")):
        text = text.replace(raw, safe)
    return text
