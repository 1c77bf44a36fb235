"""How plots in the Optuna dashboard look, on its light and dark pages."""

from typing import Any

GREY = "#868e96"  # readable on both
_CLEAR = "rgba(0,0,0,0)"


def style(figure: Any, title: str) -> None:
    """Give a plot its title and the colours of the page."""
    figure.update_layout(
        template="none",
        title=title,
        font={"color": GREY},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
    )


def style_axes(figure: Any, across: str, up: str) -> None:
    """Name the axes of a plot."""
    figure.update_xaxes(title=across, gridcolor=GREY, zeroline=False)
    figure.update_yaxes(title=up, gridcolor=GREY, zeroline=False)
