"""`check`: does to any server what a browser would; says what is wrong, and how to mend it.

First the request that was asked about, preflight and redirects included, as `_browser` has it;
then at most five harmless ones, which show what other origins get where redirects ended. What is
wrong is worked out from the answers alone, in `_diagnosis`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponseError,
    ClientSSLError,
    ClientTimeout,
    ServerDisconnectedError,
    TCPConnector,
    hdrs,
)

from aiohttp_cors_plugin._browser import (
    FetchRequest,
    Received,
    Sent,
    Step,
    Verdict,
    fetch,
    get,
)
from aiohttp_cors_plugin._fetch import (
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN,
    SAFELISTED_REQUEST_HEADERS,
)
from aiohttp_cors_plugin._origins import is_loopback
from aiohttp_cors_plugin._sending import decoded, received_by, send_as_browser
from aiohttp_cors_plugin._urls import parse_url
from aiohttp_cors_plugin.cli import _arguments
from aiohttp_cors_plugin.cli._diagnosis import (
    CACHES,
    NOT_OF_CHROMIUM,
    Finding,
    finding,
    probes,
    refusal,
    remarks,
    status,
)
from aiohttp_cors_plugin.cli._load import UsageError
from aiohttp_cors_plugin.cli._terminal import printable, style, table, wrap

HELP = "what a browser would do with any URL: each step, the verdict, and how to mend it"

_EPILOG: Final = (
    "GET, HEAD and OPTIONS are sent as they are, preceded by a preflight where a browser sends"
    " one. Of any other method only the preflight is sent, as the request itself might change"
    " something on the server: --send sends that too, with an empty body. At most five further"
    " requests, preflights or GET and HEAD, show what other origins get. No cookies are sent."
    " Redirects of the request are followed as browsers do, and the further requests go where they"
    " end, on another host too. Exit codes: 0 fine, 1 refused or problems found, 2 wrong usage."
)

_HARMLESS: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
_LONGEST: Final = 65536  # of a preflight's answer: the reason of our own may name many origins


class Exchange(NamedTuple):
    """A request, and what came back; else why nothing did."""

    sent: Sent
    received: Received | None
    excerpt: str = ""
    failure: Finding | None = None
    net_error: str = ""  # Chromium's name for the failure, where that is certain
    is_probe: bool = False


@dataclass
class Report:
    """What was found; `held` is the request that was not sent, as it might change something."""

    asked: FetchRequest
    exchanges: list[Exchange] = field(default_factory=list)
    verdict: Verdict = field(default_factory=lambda: Verdict(True, ()))
    held: Sent | None = None
    findings: list[Finding] = field(default_factory=list)
    server_reason: str = ""
    message: str = ""  # what Chromium's console says, where that is certain

    @property
    def is_fine(self) -> bool:
        return self.verdict.resolved and not self.findings


# --- The network --------------------------------------------------------------------------------


async def check(asked: FetchRequest, *, send: bool, seconds: float) -> Report:
    """Send what a browser would, then the probes; `send` also what might change something."""
    report = Report(asked)
    steps, received = fetch(asked), None
    try:
        while report.held is None:
            sent = steps.send(received)
            if not sent.is_preflight and sent.method not in _HARMLESS and not send:
                report.held = sent
            else:
                report.exchanges.append(await _exchange(sent, seconds))
                received = report.exchanges[-1].received
    except StopIteration as end:
        report.verdict = end.value
    else:
        done = tuple(Step(one.sent, one.received) for one in report.exchanges)
        report.verdict = Verdict(True, done)
    last = report.exchanges[-1]
    if last.failure is not None:
        if last.net_error:
            report.message = f"{report.verdict.message}: {last.net_error}"
        report.findings.append(last.failure)
        return report
    code = ""
    if not report.verdict.resolved:
        found_first, report.server_reason = refusal(asked, report.verdict, last.excerpt)
        report.findings.append(found_first)
        code = found_first.code
        report.message = "" if code in NOT_OF_CHROMIUM else report.verdict.message
    report.findings += remarks(asked, report.verdict.steps)
    asking, received = probes(asked, report.verdict.steps, code), None
    try:
        while True:
            exchange = await _exchange(asking.send(received), seconds)
            report.exchanges.append(exchange._replace(is_probe=True))
            received = exchange.received
    except StopIteration as end:
        found: list[Finding] = end.value
    if last.sent.url != report.exchanges[0].sent.url:
        where = printable(last.sent.url)
        found = [one._replace(reason=f"at {where}, after redirects: {one.reason}") for one in found]
    if any(one.code == "allow-origin-on-actual-only" for one in found):
        report.findings.pop(0)  # it says more than that the header is missing
    unique: dict[str, Finding] = {}
    for one in (*report.findings, *found):
        unique.setdefault(one.code, one)
    report.findings = [*unique.values()]
    return report


class _Connector(TCPConnector):
    """Remembers whether a byte came: aiohttp's parser in Python drops the beginning of a head."""

    heard = False

    async def connect(self, *args: Any, **kwargs: Any) -> Any:
        connection = await super().connect(*args, **kwargs)
        protocol: Any = connection.protocol
        pass_on = protocol.data_received

        def data_received(data: bytes) -> None:
            self.heard = True
            pass_on(data)

        protocol.data_received = data_received
        return connection


async def _exchange(sent: Sent, seconds: float) -> Exchange:
    body, timeout, connector = b"", ClientTimeout(total=seconds), _Connector()
    try:
        async with (
            connector,
            await send_as_browser(sent, connector=connector, timeout=timeout) as response,
        ):
            if sent.is_preflight:
                with contextlib.suppress(ClientError, OSError, asyncio.TimeoutError):
                    while len(body) < _LONGEST and (chunk := await response.content.readany()):
                        body += chunk
                try:
                    body = decoded(body, response.headers.get(hdrs.CONTENT_ENCODING, ""))
                except ClientError:
                    body = b""
            return Exchange(sent, received_by(response), body.decode("utf-8", "replace"))
    # A ValueError: a name that cannot be looked up, such as one with a label of 70 letters.
    except (ClientError, OSError, asyncio.TimeoutError, ValueError) as error:
        failure, net_error = _failure(error, sent.url, seconds, connector.heard)
        return Exchange(sent, None, failure=failure, net_error=net_error)


def _failure(
    error: Exception, url: str, seconds: float, heard: bool = False
) -> tuple[Finding, str]:
    """What went wrong with the network, in a sentence; and Chromium's name for it."""
    scheme, _, host = url.split("/")[:3]
    code, words, net_error = "connection-failed", str(error) or type(error).__name__, ""
    if isinstance(error, asyncio.TimeoutError):
        code, words = "timed-out", f"{seconds:g}"
    elif isinstance(error, ClientSSLError):
        cause: Any = error.__cause__
        code = "tls-failed"
        words = getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or words
        net_error = _TLS_ERRORS.get(words, "")
    elif isinstance(error, ClientConnectorError):
        cause = error.os_error
        words = cause.strerror or str(cause) or type(cause).__name__
        if isinstance(cause, socket.gaierror):
            code, net_error = "host-not-found", "net::ERR_NAME_NOT_RESOLVED"
        elif cause.errno == errno.ECONNREFUSED:
            code, net_error = "connection-refused", "net::ERR_CONNECTION_REFUSED"
        elif scheme == "https:" and isinstance(cause, ConnectionResetError):
            words = "the server closed it during the TLS handshake"
    elif isinstance(error, ServerDisconnectedError) and heard:
        words = "the server closed it in the middle of an answer's head"
    elif isinstance(error, ServerDisconnectedError):
        words = "the server closed it without an answer"
        net_error = "net::ERR_EMPTY_RESPONSE" if scheme == "http:" else ""
    elif isinstance(error, ClientResponseError):
        code, words = "not-http", error.message
    elif isinstance(error, UnicodeError):
        code, net_error = "host-not-found", "net::ERR_NAME_NOT_RESOLVED"
    elif isinstance(error, OSError) and error.errno == errno.ECONNRESET and scheme == "http:":
        net_error = "net::ERR_CONNECTION_RESET"
    subject, remedy = " ".join(words.split()), _REMEDIES[scheme]
    return finding(code, host=host, subject=subject, remedy=remedy), net_error


_REMEDIES: Final = {
    "http:": "and whether it wants https:// here",
    "https:": "whether it speaks TLS 1.2 or later here, and whether it demands a certificate of the"
    " client: check sends none",
}
# Others depend on what Chromium trusts, or on its version.
_TLS_ERRORS: Final = {
    "self-signed certificate": "net::ERR_CERT_AUTHORITY_INVALID",
    "self signed certificate": "net::ERR_CERT_AUTHORITY_INVALID",  # OpenSSL before 3
    "WRONG_VERSION_NUMBER": "net::ERR_SSL_PROTOCOL_ERROR",
}


# --- The command --------------------------------------------------------------------------------


def _url(text: str) -> str:
    """A URL of the schemes that CORS is about."""
    absolute = re.fullmatch("([^:/?#]*)://(.*)", text, re.DOTALL)
    if absolute is None:
        # `http:/host` lacks a slash, and `http:80` is a host with a port.
        begun = re.fullmatch(r"(?:(https?):(?![0-9]))?/*(.*)", text, re.DOTALL | re.IGNORECASE)
        assert begun is not None
        scheme, rest = begun[1], begun[2]
        if scheme is None:
            scheme = "http" if is_loopback(re.split("[:/?#]", rest, maxsplit=1)[0]) else "https"
        what = "lacks a slash" if begun[1] else "has no scheme"
        raise argparse.ArgumentTypeError(f"{text!r} {what}; write '{scheme}://{rest}'")
    scheme, rest = absolute.groups()
    if scheme.lower() not in ("http", "https"):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no URL of HTTP, and CORS is about no other; write 'https://{rest}'"
        )
    if parse_url(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no URL: look at its host and port")
    return text


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (seconds := float(text)) <= 3600:
            return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds up to 3600")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the parser what the command takes."""
    parser.epilog = _EPILOG
    parser.add_argument("url", metavar="URL", type=_url, help="what the page asks for")
    parser.add_argument(
        "--origin",
        metavar="O",
        type=_arguments.origin,
        required=True,
        help="the page's origin: https://app.example.com, or null for a sandboxed frame",
    )
    parser.add_argument(
        "--method", metavar="M", default="GET", help="default: GET; patch is not PATCH"
    )
    parser.add_argument(
        "--header",
        metavar="N[: V]",
        action="append",
        type=_arguments.header,
        default=[],
        help="a header that the script sets; its value is not printed; may be repeated",
    )
    parser.add_argument(
        "--credentials", action="store_true", help="judge as for credentials: 'include'"
    )
    parser.add_argument(
        "--send", action="store_true", help="send the request itself, whatever its method"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=_seconds, default=10.0, help="per request; default: 10"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the command; the exit code."""
    asked = FetchRequest(
        arguments.url,
        arguments.origin,
        arguments.method,
        tuple(arguments.header),
        credentials="include" if arguments.credentials else "same-origin",
    )
    if words := _misuse(asked, arguments.send):
        raise UsageError(words)
    try:
        report = asyncio.run(check(asked, send=arguments.send, seconds=arguments.timeout))
    except KeyboardInterrupt:
        return 1
    print(json.dumps(_as_json(report), indent=2) if arguments.json else "\n".join(_text(report)))
    return 0 if report.is_fine else 1


def _misuse(asked: FetchRequest, send: bool) -> str:
    """What is wrong with the question: nobody need be asked."""
    first = _arguments.first_sent(asked)
    url = parse_url(asked.url)
    if url is not None and url.origin == asked.origin:
        return (
            f"the page and the URL have one origin, {url.origin}: browsers apply no CORS;"
            " give --origin the page's, if it is another"
        )
    if first.is_preflight or first.method in _HARMLESS or send:
        return ""
    return (
        f"browsers send this {first.method} without a preflight, and it might change something on"
        f" {url}: --send sends it. If the page sends JSON, there is a preflight: add"
        " --header 'Content-Type: application/json'"
    )


def _lines(sent: Sent) -> list[tuple[str, str]]:
    """The lines of a request; what the user's own headers hold is nobody's business."""
    public = {ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_REQUEST_HEADERS}
    shown = {name.lower() for name in (*public, *SAFELISTED_REQUEST_HEADERS)}
    return [(name, value if name.lower() in shown else "...") for name, value in sent.headers]


def _as_json(report: Report) -> dict[str, object]:
    asked, verdict = report.asked, report.verdict
    return {
        "url": asked.url,
        "origin": asked.origin,
        "method": asked.method,
        "allowed": verdict.resolved,
        "reason": verdict.reason or None,
        "message": report.message or None,
        "server_reason": report.server_reason or None,
        "request_sent": any(not (e.sent.is_preflight or e.is_probe) for e in report.exchanges),
        "problems": [
            {"code": code, "reason": reason, "fix": fix} for code, reason, fix in report.findings
        ],
        "steps": [_step_as_json(one) for one in report.exchanges],
    }


def _step_as_json(exchange: Exchange) -> dict[str, object]:
    sent, received = exchange.sent, exchange.received
    kind = "preflight" if sent.is_preflight else "request"
    # Pairs, since a repeated header is a mistake to be seen; session cookies are not for a log.
    return {
        "kind": "probe" if exchange.is_probe else kind,
        "sent": {"method": sent.method, "url": sent.url, "headers": _lines(sent)},
        "received": received
        and {
            "status": received.status,
            "headers": [
                (name, value if name.lower() != "set-cookie" else "...")
                for name, value in received.headers
            ],
        },
    }


_SHOWN: Final = frozenset(
    {"age", "allow", "cache-control", "location", "timing-allow-origin", "vary", "www-authenticate"}
) | {*CACHES}


def _matters(received: Received) -> list[str]:
    return [
        f"{name}: {value}"
        for name, value in received.headers
        if name.lower() in _SHOWN or name.lower().startswith("access-control-")
    ]


def _text(report: Report) -> Iterator[str]:
    verdict = report.verdict
    steps = [one for one in report.exchanges if not one.is_probe]
    for number, exchange in enumerate(steps, 1):
        sent = exchange.sent
        what = "Preflight: may the page send this?" if sent.is_preflight else "The request itself"
        yield style(f"{number}. {what}", "bold")
        for line in (f"{sent.method} {sent.url}", *map(": ".join, _lines(sent))):
            yield wrap(printable(line), "   > ", "     ")
        received = exchange.received
        for line in () if received is None else (status(received.status), *_matters(received)):
            yield wrap(printable(line), "   < ", "     ")
        # A page of HTML says nothing; the text of a plugin, or of a framework, does.
        if (body := exchange.excerpt.strip()) and not body.startswith("<"):
            yield wrap(f"body: {printable(body, 200)}", "   < ", "     ")
        if received is None:
            yield style("   no answer", "red")
        elif not verdict.resolved and number == len(steps):
            yield style("   refused", "red")
        else:
            yield style("   passed", "green")
        yield ""
    if report.held is not None:
        yield style(f"{len(steps) + 1}. The request itself", "bold")
        yield wrap(
            f"{report.held.method} was not sent, as it might change something on the server, so"
            " its answer was not checked: --send sends it.",
            "   ",
        )
        yield ""
    if len(steps) < len(report.exchanges):
        yield from _probes_in_words(report)
    yield from _verdict_in_words(report)


def _probes_in_words(report: Report) -> Iterator[str]:
    probed = [one for one in report.exchanges if one.is_probe]
    url, title = probed[0].sent.url, "Probes: what others get"
    if url != report.exchanges[0].sent.url:
        title += f" at {printable(url)}"
    yield style(title, "bold")
    rows = []
    for sent, received, *_ in probed:
        kind = "preflight" if sent.is_preflight else sent.method
        origin, answer = get(sent.headers, ORIGIN), "no answer"
        if received is not None:
            allowed = get(received.headers, ACCESS_CONTROL_ALLOW_ORIGIN)
            if allowed is None:
                says = "no allow header"
            else:
                says = "allows it" if allowed == origin else f"allows {printable(allowed)}"
            answer = f"{received.status}, {says}"
        rows.append((kind, origin or "(none)", answer))
    yield table(("Request", "Origin", "Answer"), rows)
    yield ""


def _verdict_in_words(report: Report) -> Iterator[str]:
    verdict = report.verdict
    if verdict.resolved:
        told = f"fetch() gets the answer, {status(verdict.status)}."
        if report.held is not None:
            told = "the preflight passes."
        yield wrap(told, style("Allowed: ", "bold", "green"), "")
    else:
        word = style("Refused: " if verdict.steps[-1].received else "Failed: ", "bold", "red")
        if report.message:
            yield wrap("fetch() rejects; Chromium's console says", word, "")
            yield wrap(report.message, "  ")
        elif verdict.steps[-1].received:
            yield wrap("by the Fetch standard fetch() rejects; Chromium lets it pass.", word, "")
        else:
            yield wrap("fetch() rejects.", word, "")
    for code, reason, fix in report.findings:
        yield ""
        yield wrap(f"{reason} [{code}]", style("problem: ", "bold", "red"), "  ")
        yield wrap(fix, style("fix: ", "bold"), "  ")
    if report.is_fine:
        yield "No problems found."
