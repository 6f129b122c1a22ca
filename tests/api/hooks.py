"""What schemathesis must not do here: wait for cards. No card comes, and each request would wait its thirty seconds."""

import schemathesis
from hypothesis.internal import reflection

# CPython 3.11 miscounts its recursion where sources are parsed deep inside generators (python/cpython#106905): how a filter is called in messages is not worth it.
reflection.lambda_description = lambda function: "lambda"


@schemathesis.hook
def before_call(context, case, kwargs):
    if isinstance(case.body, dict) and case.operation.path in (
        "/v1/redemptions", "/v1/quotes", "/v1/quotes/confirm", "/v1/undos",
    ):
        wait = case.body.get("wait_seconds")
        if wait is None or (isinstance(wait, int) and not isinstance(wait, bool) and 0 <= wait <= 600):
            case.body["wait_seconds"] = 0
    if case.operation.path == "/v1/card" and case.query:
        if str(case.query.get("wait", "")).isdigit():
            case.query["wait"] = "0"
