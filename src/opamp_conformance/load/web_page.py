"""Protects Locust's page: it starts load tests, so nobody else may use it.

Locust has no such protection of its own, except for a login that the user has to write.
"""

import secrets
import sys
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.load.options import OPTIONS, is_loopback

LOOPBACK: Final = "127.0.0.1"
_OWN_FIELDS: Final = {"user_count", "spawn_rate", "host", "run_time", "user_classes", "shape_class", "profile"}
"""The fields of Locust's form."""
_FIELDS: Final = _OWN_FIELDS | {option.dest for option in OPTIONS if option.is_on_web_page}
_USER: Final = "locust"


def protect(app: Flask, given: Any, *, has_secrets: bool) -> None:
    """Refuse requests of other origins, and fields that a page must not set: credentials, and names of files.

    ``given`` are Locust's options. ``has_secrets`` says that requests carry credentials; then the page cannot choose
    another host. If the page is not on a loopback address, and has no login, it needs a password, which is printed.
    """
    is_local = bool(given.web_host) and is_loopback(given.web_host)
    password = "" if is_local or given.web_login else secrets.token_urlsafe(16)
    if password:
        sys.stderr.write(f"opamp-conformance: Locust's page needs the user {_USER} and the password {password}\n")

    @app.before_request
    def _guard() -> Response | None:
        if is_local and not is_loopback(urlsplit(f"//{request.host}").hostname or ""):
            abort(403, "the page is only for this machine")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            abort(403, "the request comes from another page")
        told = request.authorization
        if password and not (told and secrets.compare_digest(told.password or "", password)):
            return Response("a password is needed", 401, {"WWW-Authenticate": "Basic"})
        if request.method == "POST":
            unknown = sorted(set(request.form) - _FIELDS)
            if unknown:
                abort(400, f"the page cannot set {', '.join(unknown)}")
            if has_secrets and request.form.get("host", given.host) != given.host:
                abort(400, "the credentials are for the host of the command line: --host")
        return None


def require_safe_master(given: Any) -> None:
    """Raise InconclusiveError if the master would send credentials to any worker that connects."""
    host = given.master_bind_host
    if given.header and (host in ("", "*") or not is_loopback(host)):
        raise InconclusiveError(
            "a master that other machines can reach sends --header to every worker: use --header-env, "
            "so that each worker reads the value from its own environment"
        )
