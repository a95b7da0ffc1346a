"""The documents about the interfaces, made of the whole app; it opens nothing until it serves."""

from typing import Any

import pytest
from quart import Quart

from app import create_app
from app_extensions.asyncapi import build_asyncapi
from app_extensions.openapi import build_openapi
from config import load_config


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Quart:
    settings = {"ENV": "test", "SECRET_KEY": "x" * 40, "VAR_DIR": str(tmp_path_factory.mktemp("var"))}
    return create_app(load_config(settings, dotenv=None))


@pytest.fixture(scope="session")
def openapi(built: Quart) -> dict[str, Any]:
    return build_openapi(built)


@pytest.fixture(scope="session")
def asyncapi(built: Quart) -> dict[str, Any]:
    return build_asyncapi(built)
