"""The page that makes the first admin: a form of three fields, and what was wrong with them; pure."""

import html

from blueprints.formats.markdown_page import html_page
from utils.errors import FieldError

TITLE = "Make the first admin of AccessibleTrader"
FIELDS = (
    ("username", "Username", "text", "username", "3 to 64 letters, digits, dots or hyphens."),
    ("password", "Password", "password", "new-password", "At least 15 characters; a sentence does."),
)


def first_admin_page(token: str, username: str = "", errors: tuple[FieldError, ...] = ()) -> str:
    """Return the form, with the errors above it and beside their fields."""
    said = {error.field: error.detail for error in errors}
    parts = [f"<h1>{TITLE}</h1>"]
    if errors:
        items = "".join(f"<li>{html.escape(error.detail)}</li>" for error in errors)
        parts.append(f'<div role="alert"><h2>This has to be corrected</h2><ul>{items}</ul></div>')
    parts.append('<form method="post" action="/auth/first-admin" autocomplete="on">')
    parts.append(f'<input type="hidden" name="token" value="{html.escape(token)}">')
    for name, label, kind, purpose, hint in FIELDS:
        value = html.escape(username) if name == "username" else ""
        invalid = ' aria-invalid="true"' if name in said else ""
        parts.append(
            f'<p><label for="{name}">{label}</label><br>'
            f'<input id="{name}" name="{name}" type="{kind}" value="{value}" required '
            f'autocomplete="{purpose}" aria-describedby="{name}-hint"{invalid}><br>'
            f'<span id="{name}-hint">{html.escape(said.get(name, hint))}</span></p>'
        )
    parts.append('<p><button type="submit">Make the admin</button></p>')
    parts.append("</form>")
    return html_page(f"Error: {TITLE}" if errors else TITLE, "\n".join(parts))


def first_admin_made_page(username: str) -> str:
    """Return what is said once the admin is there."""
    title = "The first admin is made"
    body = (
        f"<h1>{title}</h1>\n<p>You can sign in as {html.escape(username)}. "
        'The link is of no use any more. <a href="/">Go to the front page</a>.</p>'
    )
    return html_page(title, body)
