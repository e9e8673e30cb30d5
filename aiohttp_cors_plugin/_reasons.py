"""Why a request is refused: each reason's slug, what it means and what to write instead."""

from __future__ import annotations

from typing import Final, NamedTuple

_LONGEST: Final = 100
_LONGEST_CONFIGURED: Final = 400


class Reason(NamedTuple):
    """What a slug stands for.

    `option` is the field of `CorsOptions` that decides, if one does; in `fix`, `{subject}` stands
    for what is refused: an origin, a method, the name of a header.
    """

    option: str
    sentence: str
    fix: str


REASONS: Final = {
    "origin-not-listed": Reason(
        "allow_origins",
        "no pattern of allow_origins matches the origin",
        "add {subject} to allow_origins if its pages may read this",
    ),
    "origin-null": Reason(
        "allow_origins",
        "the origin is null, or there are several; only '*' admits that",
        "serve the page from an origin of its own: no sandboxed frame, no file: or data: URL",
    ),
    "origin-malformed": Reason(
        "allow_origins",
        "the Origin header is no serialised origin, so no browser sent it",
        "send what location.origin shows in a browser",
    ),
    "origin-insecure": Reason(
        "allow_insecure_origins",
        "a regular expression matches the http: origin, and credentials are allowed",
        "serve the pages of {subject} with https:, or set allow_insecure_origins",
    ),
    "predicate-refused": Reason(
        "allow_origins",
        "the allow_origins callable returned False",
        "let it return True for {subject} if its pages may read this",
    ),
    "predicate-failed": Reason(
        "allow_origins",
        "the allow_origins callable raised, or returned no bool",
        "look for its traceback in the log; it has to return True or False",
    ),
    "method-not-served": Reason(
        "",
        "the application has no route for the method on this path",
        "add a route for {subject}, or use a method that the path serves",
    ),
    "method-not-allowed": Reason(
        "allow_methods",
        "allow_methods does not list the method",
        "add {subject} to allow_methods, or leave allow_methods out",
    ),
    "header-not-allowed": Reason(
        "allow_headers",
        "allow_headers does not list a request header",
        "add {subject} to allow_headers",
    ),
    "headers-malformed": Reason(
        "",
        "Access-Control-Request-Headers is no list of names, or is too long",
        "send names with commas between them",
    ),
    "credentials-not-allowed": Reason(
        "allow_credentials",
        "the request has credentials, and the options allow none",
        "set allow_credentials=True with listed origins, or fetch without credentials",
    ),
    "no-policy": Reason(
        "",
        "no CORS options apply to this route",
        "give it options: cors.override(route, CorsOptions(...))",
    ),
}
"""Each reason of a refusal, by its slug."""


def quoted(text: str) -> str:
    """Text out of a request as a literal in ASCII, cut: nobody forges a line of a log with it."""
    literal = ascii(text[:_LONGEST])
    return literal if len(text) <= _LONGEST else f"{literal[:-1]}...{literal[-1]}"


def in_words(slug: str, subject: str, configured: str = "") -> str:
    """A refusal in one line: the reason, what is refused, what is configured, what to write."""
    _, sentence, fix = REASONS[slug]
    if len(configured) > _LONGEST_CONFIGURED:
        configured = f"{configured[:_LONGEST_CONFIGURED]}..."
    parts = (f"{sentence}: {quoted(subject)}", configured, fix.format(subject=quoted(subject)))
    return f"{'; '.join(filter(None, parts))} [{slug}]"
