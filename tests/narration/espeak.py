"""espeak-ng, the synthesizer of the tests: what it says, and how long; a test without it is skipped."""

import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

PROGRAM = "espeak-ng"
RATE_HZ = 22_050
SAMPLE_BYTES = 2
HEADER_BYTES = 44
TIMEOUT_S = 30
PROGRAMS_AT_ONCE = 2

needs_espeak = pytest.mark.skipif(
    shutil.which(PROGRAM) is None,
    reason="NOT TESTED: what a synthesizer makes of our texts. espeak-ng is not installed "
    "(Debian and Ubuntu: apt-get install espeak-ng).",
)


def phonemes(texts: Sequence[str], voice: str) -> list[str]:
    """Return how a synthesizer pronounces each text, in the international phonetic alphabet."""
    with ThreadPoolExecutor(PROGRAMS_AT_ONCE) as pool:
        return [
            " ".join(said.decode().split())
            for said in pool.map(lambda text: _run(text, voice, "-q", "--ipa"), texts)
        ]


def seconds(texts: Sequence[str], voice: str, words_per_minute: int) -> list[float]:
    """Return how long each text sounds."""
    options = ("-s", str(words_per_minute), "--stdout")
    with ThreadPoolExecutor(PROGRAMS_AT_ONCE) as pool:
        sounds = pool.map(lambda text: _run(text, voice, *options), texts)
        return [(len(sound) - HEADER_BYTES) / SAMPLE_BYTES / RATE_HZ for sound in sounds]


def _run(text: str, voice: str, *options: str) -> bytes:
    command = [PROGRAM, "-v", voice, *options, "--", text]
    return subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT_S).stdout
