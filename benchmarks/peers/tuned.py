"""FastAPI by somebody who measures: asyncpg, orjson, and ready bytes kept in memory for a second."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import orjson
from fastapi import FastAPI, Response

FRESH_S = 1.0
QUERY = """
    SELECT (date_part('epoch', open_time) * 1000)::bigint, open, high, low, close, volume
    FROM peer_bar
    WHERE symbol = $1 AND timeframe = $2
    ORDER BY open_time DESC
    LIMIT $3
"""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.pool = await asyncpg.create_pool(os.environ["PEER_DSN"])
    app.state.kept = {}
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)


@app.get("/bars")
async def get_bars(symbol: str, timeframe: str, limit: int = 500) -> Response:
    key = (symbol, timeframe, limit)
    kept = app.state.kept.get(key)
    if kept is None or time.monotonic() - kept[0] > FRESH_S:
        rows = await app.state.pool.fetch(QUERY, symbol, timeframe, limit)
        body = orjson.dumps({"symbol": symbol, "ohlcv": [tuple(row) for row in reversed(rows)]})
        kept = app.state.kept[key] = (time.monotonic(), body)
    return Response(kept[1], media_type="application/json")
