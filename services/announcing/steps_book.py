"""The steps of the instruments that are spoken of, learned before a word is said."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable

from services.announcing.wording import Steps
from utils.domain import Instrument, InstrumentSpec, Topic
from utils.errors import AppError

INSTRUMENTS_MAX = 5_000
# What happened is told all the same, with the digits that its price has.
LEARN_TIMEOUT_S = 1.0
NO_STEPS = Steps()

FindSpec = Callable[[Topic], Awaitable[InstrumentSpec]]

log = logging.getLogger(__name__)


class StepsBook:
    """Keep the steps of instruments, the ones last learned longest."""

    def __init__(self, find_spec: FindSpec) -> None:
        self._find_spec = find_spec
        self._steps: OrderedDict[Instrument, Steps] = OrderedDict()

    def known(self, topic: Topic) -> Steps:
        """Return the steps of a topic's instrument; without any while they are not known."""
        return self._steps.get(topic.instrument, NO_STEPS)

    async def learn(self, topics: Iterable[Topic]) -> None:
        """Find out the steps of topics, as far as that is possible within a second. Never fails."""
        unknown = {topic.instrument: topic for topic in topics if topic.instrument not in self._steps}
        try:
            async with asyncio.timeout(LEARN_TIMEOUT_S):
                for topic in unknown.values():
                    await self._learn(topic)
        except TimeoutError:
            log.info("steps not known in time", extra={"instruments": len(unknown)})

    async def _learn(self, topic: Topic) -> None:
        try:
            spec = await self._find_spec(topic)
        except AppError as error:
            log.info("steps not known", extra={"topic": topic.text, "reason": error.detail})
            return
        self._steps[topic.instrument] = Steps.of(spec.price_step, spec.amount_step)
        if len(self._steps) > INSTRUMENTS_MAX:
            self._steps.popitem(last=False)
