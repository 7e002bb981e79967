"""Targets, said beside the figures that were measured."""

from __future__ import annotations


def at_least(target: float, measured: float, what: str) -> None:
    """Print whether a figure is as high as it should be."""
    _show(what, measured, f"at least {target:,g}", holds=measured >= target)


def at_most(target: float, measured: float, what: str) -> None:
    """Print whether a figure is as low as it should be."""
    _show(what, measured, f"at most {target:,g}", holds=measured <= target)


def _show(what: str, measured: float, target: str, *, holds: bool) -> None:
    figure = f"{measured:,.0f}" if measured >= 100 else f"{measured:.3g}"
    print(f"  {'holds' if holds else 'MISSED':<6}  {figure} {what} (target: {target})", flush=True)
