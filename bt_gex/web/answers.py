"""What the OpenAPI file says of answers that are no 200."""

from __future__ import annotations

MEANING = {
    400: "the request contradicts itself or the account",
    401: "no admin token",
    403: "a wrong admin token, or forbidden here",
    404: "no such thing",
    409: "done before",
    413: "too large",
    422: "not what the route takes",
    429: "too many; see Retry-After",
    500: "what was asked for failed; the answer says why",
    503: "the journal cannot be used now; see Retry-After",
    507: "no room to write",
}
Responses = dict[int | str, dict[str, object]]


def documented(*statuses: int) -> Responses:
    """Descriptions of these answers and of those every route of the API has."""
    return {
        status: {"description": MEANING[status]}
        for status in sorted({401, 403, 413, 422, 429, *statuses})
    }


RESPONSES = documented(400, 503, 507)
