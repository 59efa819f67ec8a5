"""Whether MagFlow is alive, ready, and how it is doing: /healthz, /readyz, /metrics."""

import time
from typing import Final

import structlog
from flask import Blueprint, Flask, Response, abort, current_app, g, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from magflow.db import db
from magflow.queries import health
from magflow.services import readiness, tokens
from magflow.web.permissions import public

log = structlog.get_logger(__name__)

blueprint = Blueprint("health", __name__)

LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})
SLOW: Final = 0.5
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The figures of one application; a registry of its own, so that two of them do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "magflow_http_requests", "Answers by endpoint, method and status", ["endpoint", "method", "status"],
            registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "magflow_http_seconds", "Seconds until the answer", ["endpoint"], buckets=BUCKETS, registry=self.registry
        )
        self.waiting = Gauge(
            "magflow_waiting", "What waits; `database` is 1 while it answers", ["what"], registry=self.registry
        )

    def read_waiting(self) -> None:
        """Ask the database; while it is away that is the figure to see, and the others are not kept from before."""
        self.waiting.clear()
        try:
            found = health.waiting(db.session())
        except SQLAlchemyError as error:
            log.warning("figures not available", error=type(error).__name__)
            found = {}
        for what, value in found.items():
            self.waiting.labels(what).set(value)
        self.waiting.labels("database").set(1 if found else 0)


def init_app(app: Flask) -> None:
    """Count and log every request."""
    app.extensions["magflow.metrics"] = Metrics()
    app.before_request(_start)
    app.after_request(_finish)
    app.register_blueprint(blueprint)


def _start() -> None:
    structlog.contextvars.clear_contextvars()
    g.started = time.perf_counter()


def _finish(answer: Response) -> Response:
    seconds = time.perf_counter() - g.get("started", time.perf_counter())
    endpoint = request.endpoint or "none"
    metrics: Metrics = current_app.extensions["magflow.metrics"]
    metrics.requests.labels(endpoint, request.method, answer.status_code).inc()
    metrics.seconds.labels(endpoint).observe(seconds)
    # The figures count every answer; a line is for those that somebody will ask about.
    if answer.status_code >= 400 or seconds > SLOW:
        ms = round(seconds * 1000, 1)
        log.info("request", method=request.method, path=request.path, status=answer.status_code, ms=ms)
    return answer


@blueprint.get("/healthz")
@public
def healthz() -> Response:
    """The process answers."""
    return jsonify(status="alive")


@blueprint.get("/readyz")
@public
def readyz() -> tuple[Response, int]:
    """The database is reached and its migrations are current; else 503 with the reason."""
    reason = readiness.why_not(current_app.extensions["magflow.schema_head"]())
    if reason is None:
        return jsonify(status="ready"), 200
    return jsonify(status="not ready", reason=reason), 503


@blueprint.get("/metrics")
@public
def metrics() -> Response:
    """Figures for Prometheus: on this machine, or with an API token that has the scope `admin`."""
    if request.remote_addr not in LOOPBACK:
        scheme, _, plaintext = request.headers.get("Authorization", "").partition(" ")
        bearer = tokens.identify(plaintext.strip()) if scheme.lower() == "bearer" else None
        if bearer is None:
            abort(401)
        if "admin" not in bearer.scopes:
            abort(403)
    figures: Metrics = current_app.extensions["magflow.metrics"]
    figures.read_waiting()
    return Response(generate_latest(figures.registry), content_type=CONTENT_TYPE_LATEST)
