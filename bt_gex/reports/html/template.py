"""What every page is made with: templates, pictures inside the page, cells coloured by value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from bt_gex.reports.charts.svg import inline_svg

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup
    from matplotlib.figure import Figure

WIDE = 9.0  # inches; a wider picture takes the whole width of the page
HEAT_STEPS = 4  # shades of a gain, and of a loss


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure of the page."""

    svg: Any
    caption: str
    wide: bool


def rendered(template: str, **content: object) -> str:
    """A page from a template that extends base.html.jinja; the same content, the same text.

    Every page needs title, kind, verdict, terms and sections (id and name of each); it gets the
    style and the script that all pages share.
    """
    text = (
        _environment()
        .get_template(template)
        .render(
            css=as_is(file_text("page.css")), page_script=as_is(file_text("page.js")), **content
        )
    )
    return f"{text.rstrip()}\n"


def file_text(name: str) -> str:
    """A file beside the templates."""
    return (resources.files("bt_gex.reports.html") / "templates" / name).read_text("utf-8")


def as_is(text: str) -> Markup:
    """Markup of our own, not to be escaped."""
    from markupsafe import Markup

    return Markup(text)


def picture(name: str, figure: Figure, caption: str) -> Picture:
    """A figure inside the page, in the colours of the page.

    name  tells its parts from those of other pictures on the page
    """
    svg = as_is(inline_svg(figure, name, caption))
    return Picture(svg, caption, figure.get_figwidth() > WIDE)


def heat_class(value: float | None, most: float) -> str:
    """The style of a cell: g1 to g4 for gains, l1 to l4 for losses, empty for 0 and nothing.

    most  the largest absolute value of all cells
    """
    if value is None or value == 0 or most <= 0:
        return ""
    step = min(HEAT_STEPS, 1 + int(HEAT_STEPS * abs(value) / most))
    return f"{'g' if value > 0 else 'l'}{step}"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader

    return Environment(
        loader=FunctionLoader(file_text), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
