"""Ready answers as responses: from the cache or made, whole or as 304, and remembered for the early ring."""

from quart import Response, current_app, request
from werkzeug.datastructures import Headers

from middleware.context import services
from middleware.early_answers import EXTENSION, EarlyAnswers
from services.answer_cache import Make
from services.answers import Answer, AnswerKey, tag_matches


async def cached_response(key: AnswerKey, make: Make, *, by_address: bool = True) -> Response:
    """Return the response to this request, which ``make`` answers where no ready answer is kept.

    ``make`` may run again later, outside of any request, and must not read this one. ``by_address`` is False
    where more than the address has a say in the answer: headers, as in its language, or a search, which may
    find another instrument next time. The early ring knows only addresses.
    """
    answer = await services().answers.answer(key, make)
    early: EarlyAnswers | None = current_app.extensions.get(EXTENSION)
    if by_address and early is not None and request.url_rule is not None:
        early.learn(request.url_rule.rule, request.path, request.query_string, key)
    return _response(answer)


def _response(answer: Answer) -> Response:
    if answer.etag is not None and tag_matches(
        ", ".join(request.headers.getlist("If-None-Match")), answer.etag
    ):
        response = Response(status=304)
        response.headers = Headers(answer.cache_headers)
        return response
    headers = dict(answer.headers) | answer.cache_headers
    return Response(answer.body, content_type=answer.content_type, headers=headers)
