"""Speech for a terminal, through a program that is installed; one text at a time, in order."""

import asyncio
import shutil
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

# What waits while something is spoken; the oldest that may wait gives way.
WAITING_MAX = 5
# Longer than any sentence of ours at the slowest pace.
SPEAK_TIMEOUT_S = 120.0
END_TIMEOUT_S = 2.0


def spd_say(text: str, language: str, words_per_minute: int) -> list[str]:
    """Return the command of speech-dispatcher; its rate goes from -100 to 100 around 175 words a minute."""
    rate = max(-100, min(100, round((words_per_minute - 175) * 100 / 275)))
    return ["spd-say", "--wait", "--language", language, "--rate", str(rate), "--", text]


def espeak(text: str, language: str, words_per_minute: int) -> list[str]:
    """Return the command of espeak-ng."""
    return ["espeak-ng", "-v", language, "-s", str(words_per_minute), "--", text]


PROGRAMS: dict[str, Callable[[str, str, int], list[str]]] = {"spd-say": spd_say, "espeak-ng": espeak}


@dataclass(frozen=True, slots=True)
class Utterance:
    """One text to be spoken; an urgent one is never left out."""

    text: str
    language: str
    urgent: bool


def find_program() -> str | None:
    """Return the speech program that is installed, the first of those that are known; None without one."""
    return next((name for name in PROGRAMS if shutil.which(name)), None)


class Speaker:
    """Speak one text after the other; the words are one argument of the program, and no shell sees them."""

    def __init__(self, program: str, words_per_minute: int) -> None:
        self._command = PROGRAMS[program]
        self._words_per_minute = words_per_minute
        self._waiting: deque[Utterance] = deque()
        self._news = asyncio.Event()

    def say(self, utterance: Utterance) -> None:
        """Speak this when its turn comes; what is urgent goes before what is not."""
        waiting = [*self._waiting, utterance]
        waiting.sort(key=lambda each: not each.urgent)
        spare = [each for each in waiting if not each.urgent]
        for late in spare[: max(0, len(waiting) - WAITING_MAX)]:
            waiting.remove(late)
        self._waiting = deque(waiting)
        self._news.set()

    async def run(self) -> None:
        """Speak until cancelled."""
        while True:
            while self._waiting:
                utterance = self._waiting.popleft()
                await _run(self._command(utterance.text, utterance.language, self._words_per_minute))
            self._news.clear()
            await self._news.wait()


async def _run(command: Sequence[str]) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        # It was there when we began. The text has been printed all the same.
        return
    try:
        async with asyncio.timeout(SPEAK_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        return
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(END_TIMEOUT_S):
                    await process.wait()
