"""The page around Redoc; pure. Whoever has no script is told where the same stands as plain text."""

REDOC_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>HTTP interface of AccessibleTrader</title>
<link rel="icon" href="/web/icon.svg">
<style>
/* Redoc's own greys, blues and greens are too pale to read for many, and some of its buttons too small. */
:root:root:not(.dark) {
  --text-color-description: #50525e; --text-color-helper: #50525e; --text-color-disabled: #50525e;
  --search-trigger-text-color: #50525e; --search-trigger-color: #50525e;
  --button-content-color-link: #0b4fb3; --link-color-primary: #0b4fb3; --color-blue-6: #0b4fb3;
  --code-block-tokens-string-color: #0b4fb3; --code-block-tokens-property-color: #0b4fb3;
}
:root:root:not(.dark) [class*="tag-"] { --tag-color: #22242b; }
:root:root:not(.dark) redoc .button-variant-link { color: #0b4fb3; }
:root:root:not(.dark) redoc pre .token { color: #22242b; }
redoc button { min-width: 24px; min-height: 24px; }
redoc [data-testid="panel-body"] :is(pre, code) { line-height: 1.9rem !important; }
redoc .deep-link-anchor { display: none; }
.start { padding: 0.5rem 1rem; font-family: sans-serif; }
.start h1 { margin: 0; font-size: 1.25rem; }
.start p { margin: 0.25rem 0 0; }
</style>
</head>
<body>
<noscript><p>This page needs JavaScript. The document that it shows is at
<a href="/openapi.json">openapi.json</a>.</p></noscript>
<header class="start">
<h1>HTTP interface of AccessibleTrader</h1>
<p>The same for programs: <a href="/openapi.json">openapi.json</a>. The WebSockets have
<a href="/docs/websockets">a page of their own</a>.</p>
</header>
<redoc spec-url="/openapi.json" disable-telemetry="true"></redoc>
<script type="module" src="/web/reference.js"></script>
<script type="module" src="/web/vendor/redoc/redoc.standalone.js"></script>
</body>
</html>
"""
