"""What a description of a chart looks like; pure."""

from typing import Annotated, Literal

from pydantic import Field

from blueprints.formats.answer_model import ABSENT, AnswerModel, DecimalText, State, TimeMs, example
from blueprints.formats.description_example import DESCRIPTION
from services.narration.facts import Operation
from services.narration.highlights import LandmarkKind
from services.narration.patterns import PatternKind

BarNumber = Annotated[int, Field(ge=0, description="Which bar of the answer, from 0.")]
FactIds = Annotated[list[str], Field(description="The ids of the facts behind the numbers of the text.")]
Share = Annotated[float, Field(ge=0, le=1)]
Series = Annotated[
    list[Share | None], Field(description="From 0 to 1, a bar each; null for a bar missing between two.")
]


class SpokenSymbol(AnswerModel):
    """A symbol and what it is called."""

    id: str
    spoken: str
    short: str
    spelled: str


class SpokenTimeframe(AnswerModel):
    """A timeframe and what it is called."""

    id: str
    spoken: str


class SpokenGap(AnswerModel):
    """A span without bars, in words."""

    start_ms: TimeMs
    end_ms: TimeMs
    reason: str
    bars_count: Annotated[int, Field(ge=0)]
    text: str
    facts: FactIds


class Summary(AnswerModel):
    """The whole in one breath, and the sentences by level."""

    brief: str
    speech_s: Annotated[float, Field(ge=0, description="How long brief takes to be said.")]
    facts: FactIds
    level_1: list[str]
    level_2: list[str]
    level_3: list[str]


class Sentence(AnswerModel):
    """One sentence; level 1 is what matters most."""

    text: str
    level: Annotated[int, Field(ge=1, le=3)]
    facts: FactIds


class FactAnswer(AnswerModel):
    """One number, exactly, and how it can be computed again; only the members that apply are there."""

    id: str
    operation: Operation
    field: str
    value: DecimalText
    spoken: Annotated[DecimalText, Field(description="What sentences say where it is rounded.")] = ABSENT
    bar: BarNumber = ABSENT
    open_time_ms: TimeMs = ABSENT
    base_bar: BarNumber = ABSENT
    base_field: str = ABSENT
    first_bar: BarNumber = ABSENT
    last_bar: BarNumber = ABSENT
    start_ms: TimeMs = ABSENT
    end_ms: TimeMs = ABSENT
    reason: str = ABSENT


class LandmarkAnswer(AnswerModel):
    """A bar worth jumping to."""

    kind: LandmarkKind
    bar: BarNumber
    open_time_ms: TimeMs
    rank: Annotated[int, Field(ge=1)]
    text: str
    facts: FactIds


class Segment(AnswerModel):
    """One leg of the chart."""

    first_bar: BarNumber
    last_bar: BarNumber
    direction: Literal["up", "down", "flat"]
    change_percent: DecimalText
    text: str
    facts: FactIds


class PatternAnswer(AnswerModel):
    """A pattern of candles, and the rule that makes it one."""

    kind: PatternKind
    bars: list[BarNumber]
    open_time_ms: TimeMs
    name: str
    rule: str
    text: str
    facts: FactIds


Domain = Annotated[list[DecimalText], Field(min_length=2, max_length=2)]


class SonificationAnswer(AnswerModel):
    """The chart as numbers from 0 to 1, and what 0 and 1 stand for; the series only where asked for."""

    scale: Literal["linear"]
    price_domain: Domain | None
    volume_domain: Domain | None
    open: Series = ABSENT
    high: Series = ABSENT
    low: Series = ABSENT
    close: Series = ABSENT
    volume: Series = ABSENT


class SpokenBarTexts(AnswerModel):
    """One bar in words, at three lengths."""

    brief: str
    normal: str
    full: str


class SpokenBarAnswer(AnswerModel):
    """One bar in words."""

    bar: BarNumber
    open_time_ms: TimeMs
    state: State
    say: SpokenBarTexts


class DescriptionAnswer(AnswerModel):
    """What bars say in words, with the facts behind each number, places to jump to, and sound."""

    model_config = example(DESCRIPTION)

    # Named schema on the wire, which pydantic has a method for.
    version: Annotated[Literal["accessibility/1"], Field(alias="schema")]
    data_hash: Annotated[str, Field(description="Equal for equal bars.")]
    market: str
    exchange: str
    symbol: SpokenSymbol
    timeframe: SpokenTimeframe
    lang: Annotated[str, Field(description="The language of the texts.")]
    dir: Literal["ltr", "rtl"]
    time_zone: str
    verbosity: Literal["brief", "normal", "full"]
    price_step: DecimalText | None
    bars_count: Annotated[int, Field(ge=0)]
    first_open_time_ms: TimeMs | None
    last_open_time_ms: TimeMs | None
    last_bar_state: State | None
    revision: Annotated[int, Field(ge=0)]
    as_of_ms: TimeMs
    stale: bool
    gaps_count: Annotated[int, Field(ge=0)]
    gaps: Annotated[list[SpokenGap], Field(description="The longest of them.")]
    summary: Summary
    sentences: list[Sentence]
    facts: list[FactAnswer]
    landmarks: list[LandmarkAnswer]
    segments: list[Segment]
    patterns: list[PatternAnswer]
    sonification: SonificationAnswer
    bars: Annotated[list[SpokenBarAnswer], Field(description="Only with say=window.")] = ABSENT
