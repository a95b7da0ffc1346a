"""One of our documents as a plain HTML page: the Markdown that they are written in, and no other; pure.

Headings carry an id, so that the ``type`` of a problem finds its place. Nothing is styled: a browser's own
look is what its user has set up.
"""

import html
import re

FENCE = re.compile(r"```(?:\S*)\n(?P<text>.*?)\n```", re.DOTALL)
HEADING = re.compile(r"(?P<marks>#{1,6}) (?P<text>.+)")
LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)")
CODE = re.compile(r"`([^`]+)`")

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def html_page(title: str, body: str) -> str:
    """Return a whole page around a body that is HTML already."""
    return PAGE.format(title=html.escape(title), body=body)


def markdown_page(text: str) -> str:
    """Return a document as a page; its title is the first heading."""
    body = []
    place = 0
    for fence in [*FENCE.finditer(text), None]:
        prose = text[place : fence.start() if fence else len(text)]
        body += [_block(block) for block in re.split(r"\n{2,}", prose) if block.strip()]
        if fence:
            body.append(f"<pre><code>{html.escape(fence['text'])}</code></pre>")
            place = fence.end()
    first = HEADING.search(text)
    return html_page(first["text"] if first else "", "\n".join(body))


def _block(block: str) -> str:
    lines = block.strip("\n").splitlines()
    heading = HEADING.fullmatch(lines[0])
    if heading:
        level = len(heading["marks"])
        anchor = html.escape(_anchor(heading["text"]))
        return f'<h{level} id="{anchor}">{_inline(heading["text"])}</h{level}>'
    if lines[0].startswith("|"):
        return _table(lines)
    return f"<p>{_inline(' '.join(lines))}</p>"


def _table(lines: list[str]) -> str:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    header = "".join(f'<th scope="col">{_inline(cell)}</th>' for cell in rows[0])
    body = [f"<tr>{''.join(f'<td>{_inline(cell)}</td>' for cell in row)}</tr>" for row in rows[2:]]
    return "\n".join(
        ["<table>", f"<thead><tr>{header}</tr></thead>", "<tbody>", *body, "</tbody>", "</table>"]
    )


def _anchor(text: str) -> str:
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def _inline(text: str) -> str:
    parts = CODE.split(text)
    # Every other part stood between backticks.
    return "".join(
        f"<code>{html.escape(part)}</code>" if index % 2 else _links(part) for index, part in enumerate(parts)
    )


def _links(text: str) -> str:
    # A link to another document would lead nowhere: only its words are kept.
    return html.escape(LINK.sub(lambda link: link["text"], text), quote=False)
