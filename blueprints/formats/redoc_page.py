"""The page around Redoc; pure. Whoever has no script is told where the same stands as plain text."""

REDOC_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>HTTP interface of AccessibleTrader</title>
<link rel="icon" href="/web/icon.svg">
</head>
<body>
<noscript><p>This page needs JavaScript. The document that it shows is at
<a href="/openapi.json">openapi.json</a>.</p></noscript>
<redoc spec-url="/openapi.json"></redoc>
<script type="module" src="/web/vendor/redoc/redoc.standalone.js"></script>
</body>
</html>
"""
