"""The documents about the interfaces, made of the app when they are first asked for, and kept."""

import functools

from quart import Quart

from app_extensions.asyncapi import build_asyncapi
from app_extensions.openapi import build_openapi
from blueprints.docs import EXTENSION, Documents


def init_documents(app: Quart) -> None:
    """Let the routes that show the documents find them; to be called when all routes are there."""
    app.extensions[EXTENSION] = Documents(
        openapi=functools.cache(functools.partial(build_openapi, app)),
        asyncapi=functools.cache(functools.partial(build_asyncapi, app)),
    )
