"""A diagnosis as people read it at night: the root cause first, what follows from it below, and the next command in each.

Not for judging and not for ``--json``. The surprising thing: what was not seen stands at the end and is never left out, because
a cause that nobody could look for is not ruled out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from lockage.core.diagnosis.findings import Cause, Diagnosis, Finding, Migrating, VendorCall
from lockage.core.wording import counted, duration, listed
from lockage.interfaces.cli.console import say

EXHIBITS = 6
"""Lines of evidence that are shown of one finding; all are shown with --verbose and in ``--json``."""

TICKET_LINES = 60
"""Lines of the text for the vendor's ticket that are shown; a deployment of 200 replicas names each of them."""

_WORDS = ((0.95, "certain"), (0.8, "almost certain"), (0.6, "likely"), (0.4, "possible"), (0.0, "a guess"))
_LABEL_WIDTH = 10


def show_diagnosis(
    diagnosis: Diagnosis, console: Console, *, causes: Mapping[str, Cause], verbose: bool = False, further: str | None = None
) -> None:
    """Print the whole diagnosis; ``causes`` is the catalogue, for the families, ``further`` a sentence on a look not made."""
    _head(diagnosis, console)
    if diagnosis.migrating is not None:
        _migrating(diagnosis.migrating, console)
    for number, finding in enumerate(diagnosis.findings, start=1):
        _finding(finding, number, diagnosis.findings, console, verbose=verbose)
    if diagnosis.vendor is not None:
        _vendor(diagnosis.vendor, console, verbose=verbose)
    _ruled_out(diagnosis, causes, console, verbose=verbose)
    for missing in diagnosis.missing:
        say(console, f"not seen: {missing.source}: {missing.why}", style="yellow")
    if further is not None:
        say(console, further)
    took = f"It took {duration(diagnosis.collected_s)}, and nothing was changed."
    say(console, took, style="dim")


def in_words(confidence: float) -> str:
    """How sure that is, in words and as a number."""
    return f"{next(word for least, word in _WORDS if confidence >= least)} ({confidence:.2f})"


def _head(diagnosis: Diagnosis, console: Console) -> None:
    trouble = [finding for finding in diagnosis.findings if not finding.harmless]
    if diagnosis.healthy:
        verdict, style = "nothing is wrong", "bold green"
    elif not trouble:
        verdict, style = "no cause was found", "bold yellow"
    else:
        roots = [finding for finding in trouble if finding.because is None]
        verdict, style = counted(len(roots) or len(trouble), "cause"), "bold red"
    say(console, f"{diagnosis.deployment} on {diagnosis.at:%Y-%m-%d %H:%M:%S} UTC: {verdict}", style=style)


def _migrating(migrating: Migrating, console: Console) -> None:
    where = f" of {migrating.replica}" if migrating.replica is not None else ""
    style = {"works": "bold green", "waits": "bold yellow", "hangs": "bold red"}.get(migrating.pace or "")
    say(console, "")
    say(console, f"A migration runs{where} (backend {migrating.pid}): {migrating.text}", style=style)


def _finding(finding: Finding, number: int, others: Sequence[Finding], console: Console, *, verbose: bool) -> None:
    say(console, "")
    harmless = " (harmless)" if finding.harmless else ""
    style = "bold" if finding.harmless else "bold red"
    _item(console, f"{number}.", f"{finding.code}  {finding.cause}{harmless}", style=style, indent=0, width=4)
    if finding.because is not None:
        _item(console, "because", _of(finding.because, others))
    _item(console, "sure", f"{in_words(finding.confidence)}: {finding.why}")
    shown = finding.evidence if verbose else finding.evidence[:EXHIBITS]
    for index, exhibit in enumerate(shown):
        _item(console, "evidence" if index == 0 else "", f"{exhibit.source}: {exhibit.text}")
    if len(shown) < len(finding.evidence):
        _item(console, "", f"… and {len(finding.evidence) - len(shown)} more: --verbose")
    _item(console, "next", finding.next, style="bold")
    if finding.avoid is not None:
        _item(console, "avoid", finding.avoid, style="yellow")


def _of(code: str, others: Sequence[Finding]) -> str:
    place = next((number for number, other in enumerate(others, start=1) if other.code == code), None)
    return f"of {code}" + (f", number {place} above" if place is not None else "")


def _vendor(vendor: VendorCall, console: Console, *, verbose: bool) -> None:
    say(console, "")
    who = ": ".join(part for part in (vendor.name or "the vendor", vendor.contact) if part)
    say(console, f"Call {who}", style="bold")
    for reason in vendor.reasons:
        _item(console, "why", reason)
    _item(console, "bundle", vendor.bundle)
    lines = vendor.ticket.splitlines()
    shown = lines if verbose else lines[:TICKET_LINES]
    if shown:
        _item(console, "ticket", "the text for it:")
    for line in shown:
        say(console, f"  | {line}")
    if len(shown) < len(lines):
        say(console, f"  | … and {len(lines) - len(shown)} lines more: --verbose")


def _ruled_out(diagnosis: Diagnosis, causes: Mapping[str, Cause], console: Console, *, verbose: bool) -> None:
    if not diagnosis.ruled_out:
        return
    say(console, "")
    if verbose:
        say(console, "Ruled out", style="bold")
        for out in diagnosis.ruled_out:
            _item(console, out.code, f"{out.cause}: {out.why}", width=6)
        return
    families = Counter(causes[out.code].family if out.code in causes else "others" for out in diagnosis.ruled_out)
    said = listed(tuple(f"{family} ({number})" for family, number in families.items()), most=len(families))
    say(console, f"Ruled out: {counted(len(diagnosis.ruled_out), 'cause')} of {said}. --verbose names them.")


def _item(
    console: Console, label: str, text: str, *, style: str | None = None, indent: int = 4, width: int = _LABEL_WIDTH
) -> None:
    """A label and a text: in columns on a terminal, one whole line in a pipe, so that grep finds it."""
    head = f"{label:<{width}}"
    if not console.is_terminal:
        say(console, f"{' ' * indent}{head}{text}")
        return
    # The text hangs behind its label, also where it takes several lines.
    lines = Text(text, style=style or "").wrap(console, max(20, console.width - indent - width))
    for index, line in enumerate(lines):
        console.print(Padding(Text(head if index == 0 else " " * width, style="dim").append_text(line), (0, 0, 0, indent)))
