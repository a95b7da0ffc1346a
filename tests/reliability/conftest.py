"""The launcher as the tests of the launcher start it."""

from tests.launcher.conftest import beside, launch

__all__ = ["beside", "launch"]
