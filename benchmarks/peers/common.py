"""FastAPI, SQLAlchemy and pydantic as most tutorials have them: a model, a session, a response model."""

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

engine = create_engine(os.environ["PEER_SQLALCHEMY_URL"], pool_size=10)
make_session = sessionmaker(engine)
app = FastAPI()


class Base(DeclarativeBase):
    pass


class BarRow(Base):
    __tablename__ = "peer_bar"

    symbol: Mapped[str] = mapped_column(primary_key=True)
    timeframe: Mapped[str] = mapped_column(primary_key=True)
    open_time: Mapped[datetime] = mapped_column(primary_key=True)
    open: Mapped[float]
    high: Mapped[float]
    low: Mapped[float]
    close: Mapped[float]
    volume: Mapped[float]


class BarOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    open_time: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float


def session() -> Iterator[Session]:
    with make_session() as opened:
        yield opened


@app.get("/bars", response_model=list[BarOut])
def get_bars(
    symbol: str, timeframe: str, database: Annotated[Session, Depends(session)], limit: int = 500
) -> list[BarRow]:
    newest = (
        select(BarRow)
        .where(BarRow.symbol == symbol, BarRow.timeframe == timeframe)
        .order_by(BarRow.open_time.desc())
        .limit(limit)
    )
    return list(reversed(database.scalars(newest).all()))
