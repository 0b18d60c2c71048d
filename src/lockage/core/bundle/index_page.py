"""The page that opens a bundle: what is wrong, where it is, what is in the bundle and what is not.

Not for anything that a program reads. The surprising thing: it is one file that loads nothing and runs nothing, so that it may
be opened from a mail, on a machine without a network, and trusted; texts that were seen are escaped, whatever they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from lockage.core.bundle.manifest import Bundled, BundledFile, ContainerLimits, Manifest
from lockage.core.diagnosis.findings import Diagnosis, Finding
from lockage.core.release.profile import VendorProfile
from lockage.core.wording import counted, duration

_STYLE = """\
:root { color-scheme: light dark; --ink: #1d2733; --dim: #5b6875; --paper: #fff; --soft: #f2f5f8; --line: #d5dde5;
  --accent: #0b63a5; --bad: #a3201d; --good: #1b6e3c; --warn: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e9ef; --dim: #9aa8b6; --paper: #12181f; --soft: #1b242d;
  --line: #33404d; --accent: #7cc0f5; --bad: #ff8f87; --good: #7ad79c; --warn: #f0c069; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 66rem; padding: 1.5rem 1.25rem 4rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .75rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
p { margin: .4rem 0; } .dim { color: var(--dim); } .bad { color: var(--bad); } .good { color: var(--good); }
.warn { color: var(--warn); }
a { color: var(--accent); }
code, pre { font: .9em/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
code { background: var(--soft); padding: .1em .3em; border-radius: .25rem; }
pre { background: var(--soft); padding: .75rem; border-radius: .4rem; overflow-x: auto; white-space: pre-wrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: .75rem 0; }
dt { color: var(--dim); } dd { margin: 0; }
article { border: 1px solid var(--line); border-left: .3rem solid var(--bad); border-radius: .4rem; padding: .75rem 1rem;
  margin: .75rem 0; }
article.harmless { border-left-color: var(--good); }
article h3 { font-size: 1rem; margin: 0 0 .4rem; }
ul { margin: .4rem 0; padding-left: 1.2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--dim); font-weight: 600; } td.number { text-align: right; white-space: nowrap; }
td.path { min-width: 14rem; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
  body { padding: 1rem .9rem 3rem; } thead { display: none; } tr { display: block; padding: .4rem 0;
  border-bottom: 1px solid var(--line); } td, td.number { display: block; border: 0; padding: 0; text-align: left; } }
@media print { body { max-width: none; } article { break-inside: avoid; } }
"""


def index_page(manifest: Manifest, diagnosis: Diagnosis | None, *, vendor: VendorProfile) -> str:
    """The page. ``diagnosis`` None: there is none, or none that may be shown."""
    about = manifest.deployment
    title = f"Bundle of {about.name}, {manifest.at:%Y-%m-%d %H:%M} UTC"
    parts = (
        f"<h1>{escape(title)}</h1>",
        f'<p class="dim">Made by Lockage {escape(manifest.made_by.lockage)} in {duration(manifest.took_s)}. '
        "Nothing was changed by it.</p>",
        *_deployment(about),
        *_diagnosis(diagnosis),
        *_absent(manifest),
        *_files(manifest.files),
        *_masking(manifest),
        *_sending(vendor),
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<style>\n{_STYLE}</style>\n</head>\n<body>\n<main>\n" + "\n".join(parts) + "\n</main>\n</body>\n</html>\n"
    )


def _deployment(about: Bundled) -> Iterator[str]:
    where = about.platform if about.namespace is None else f"{about.platform}, namespace {about.namespace}"
    wanted = "?" if about.replicas_wanted is None else about.replicas_wanted
    ready = "?" if about.replicas_ready is None else about.replicas_ready
    rows = {
        "Deployment": about.name,
        "Application": about.application if about.profile_known else f"{about.application} (without a profile)",
        "Platform": where,
        "Release asked for": about.target_release or "not seen",
        "Release before it": about.source_release or "not known",
        "Replicas": f"{ready} ready of {wanted} wanted",
    }
    yield "<dl>"
    yield from (f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in rows.items())
    yield from (f"<dt>Container {escape(one.container)}</dt><dd>{escape(_limits(one))}</dd>" for one in about.limits)
    yield "</dl>"


def _limits(one: ContainerLimits) -> str:
    memory = f"memory {_bytes(one.memory_limit_bytes)} (asks for {_bytes(one.memory_request_bytes)})"
    cpu = f"CPU {_cores(one.cpu_limit_cores)} (asks for {_cores(one.cpu_request_cores)})"
    return f"{one.image}; {memory}; {cpu}"


def _diagnosis(diagnosis: Diagnosis | None) -> Iterator[str]:
    yield "<h2>Diagnosis</h2>"
    if diagnosis is None:
        yield '<p class="warn">There is none; see what is missing below.</p>'
        return
    trouble = [finding for finding in diagnosis.findings if not finding.harmless]
    if diagnosis.healthy:
        yield '<p class="good">Nothing is wrong.</p>'
    elif not trouble:
        yield '<p class="warn">It is not well, and no cause was found.</p>'
    if diagnosis.migrating is not None:
        yield f"<p>{escape(diagnosis.migrating.text)}</p>"
    for finding in diagnosis.findings:
        yield from _finding(finding)
    if diagnosis.vendor is not None:
        yield f"<p>To be told to {escape(diagnosis.vendor.name)}: {escape('; '.join(diagnosis.vendor.reasons))}.</p>"
        yield f"<pre>{escape(diagnosis.vendor.ticket)}</pre>"
    if diagnosis.ruled_out:
        yield f'<p class="dim">{counted(len(diagnosis.ruled_out), "other cause")} looked for and ruled out: diagnosis.json.</p>'


def _finding(finding: Finding) -> Iterator[str]:
    because = f", because of {finding.because}" if finding.because else ""
    yield f'<article class="{"harmless" if finding.harmless else "trouble"}">'
    yield f"<h3>{escape(finding.code)}{escape(because)}: {escape(finding.cause)}</h3>"
    yield f'<p class="dim">How sure: {finding.confidence:.0%}, {escape(finding.why)}</p>'
    if finding.evidence:
        yield "<ul>"
        yield from (
            f'<li><span class="dim">{escape(exhibit.source)}:</span> {escape(exhibit.text)}</li>'
            for exhibit in finding.evidence
        )
        yield "</ul>"
    yield f"<p>Next: <code>{escape(finding.next)}</code></p>"
    if finding.avoid:
        yield f'<p class="bad">Not: {escape(finding.avoid)}</p>'
    yield "</article>"


def _absent(manifest: Manifest) -> Iterator[str]:
    yield "<h2>What is not in it</h2>"
    if not (manifest.missing or manifest.dropped or any(file.cut for file in manifest.files)):
        yield '<p class="good">Every source answered, and nothing was cut or left out.</p>'
        return
    yield "<ul>"
    for dropped in manifest.dropped:
        yield f'<li><span class="bad">left out</span>: {escape(dropped.what)}: {escape(dropped.why)}</li>'
    for missing in manifest.missing:
        yield f'<li><span class="warn">not seen</span>: {escape(missing.source)}: {escape(missing.why)}</li>'
    for file in manifest.files:
        if file.cut:
            yield f"<li>cut: {escape(file.what)}: {escape(file.cut)}</li>"
    yield "</ul>"


def _files(files: Iterable[BundledFile]) -> Iterator[str]:
    yield "<h2>What is in it</h2>"
    yield '<div class="scroll"><table><thead><tr><th>File</th><th>What it is</th><th>Size</th></tr></thead><tbody>'
    for file in files:
        path = escape(file.path, quote=True)
        yield (
            f'<tr><td class="path"><a href="{path}">{path}</a></td><td>{escape(file.what)}</td>'
            f'<td class="number">{_bytes(file.size_bytes)}</td></tr>'
        )
    yield "</tbody></table></div>"
    yield '<p class="dim">manifest.json has the SHA-256 digest of each.</p>'


def _masking(manifest: Manifest) -> Iterator[str]:
    masking = manifest.masking
    yield "<h2>What was masked</h2>"
    kinds = ", ".join(f"{number} of kind {kind}" for kind, number in masking.tokens.items()) or "nothing was found"
    yield f"<p>{escape(kinds)}. The same secret has the same token everywhere in this bundle, and another in the next.</p>"
    if not masking.ip_addresses:
        yield '<p class="dim">IP addresses stand as they are; <code>lockage bundle --ip-addresses</code> masks them, too.</p>'
    if masking.in_place_only:
        yield (
            f'<p class="warn">{counted(masking.in_place_only, "secret")} that is an ordinary word was masked only where its '
            "place tells.</p>"
        )


def _sending(vendor: VendorProfile) -> Iterator[str]:
    yield "<h2>Before you send it</h2>"
    yield (
        "<p>Look through it: it is made of text files only. Lockage knows a secret by its shape, by its name, or because it "
        "was used; what else is confidential only you can know.</p>"
    )
    if vendor.contact:
        yield f"<p>For {escape(vendor.name)}: {escape(vendor.contact)}</p>"
    if vendor.send:
        yield f"<p>They ask for: {escape('; '.join(vendor.send))}</p>"
    yield "<p>The same diagnosis from it on another machine: <code>lockage diagnose --from FILE</code></p>"


def _bytes(size: int | None) -> str:
    if size is None:
        return "no limit"
    for unit, factor in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} B"


def _cores(cores: float | None) -> str:
    return "no limit" if cores is None else f"{cores:g}"
