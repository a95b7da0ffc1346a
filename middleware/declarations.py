"""What a view declares about itself, for the tests and documents that walk the routes.

``access`` who may call it, ``limit`` or ``limit_exempt`` how often, ``query_model`` and ``body_model`` what
it reads. ``functools.wraps`` carries them outwards through the decorators above.
"""

from collections.abc import Callable


def declare(view: Callable[..., object], **facts: object) -> None:
    """Attach facts to a view: ``declare(view, limit="default")`` makes ``view.limit``."""
    vars(view).update(facts)


def declared(view: Callable[..., object] | None, fact: str) -> object:
    """Return a fact of a view, or None."""
    return getattr(view, fact, None)
