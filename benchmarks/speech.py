"""Fit the figures of ``services/narration/pace.py`` to the sound of espeak-ng, and print how far off it is.

    python benchmarks/speech.py

Prints a row for each language, to be put into ``PACES`` by hand; Japanese is not among them, because
espeak-ng cannot read its script.
"""

import sys
from dataclasses import astuple
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from services.narration.locales import LOCALES
from services.narration.pace import FITTED_WORDS_PER_MINUTE, parts_of
from tests.narration.corpus import sentences
from tests.narration.espeak import seconds

LANGUAGES = ("en", "de", "fr", "pl", "ar")
FITTED, CHECKED = (600, 1), (300, 2)


def measured(code: str, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    texts = sentences(code, count, seed)
    mark = LOCALES[code].decimal_mark
    parts = np.array([(*astuple(parts_of(text, mark)), 1) for text in texts], float)
    return parts, np.array(seconds(texts, code, FITTED_WORDS_PER_MINUTE))


def main() -> None:
    for code in LANGUAGES:
        parts, sound_s = measured(code, *FITTED)
        # What counts is by which part an estimate is off, not by how many seconds.
        figures, *_ = np.linalg.lstsq(parts / sound_s[:, None], np.ones(len(sound_s)), rcond=None)
        parts, sound_s = measured(code, *CHECKED)
        off = np.abs(parts @ figures / sound_s - 1)
        print(f'    "{code}": Pace({", ".join(f"{figure:.3f}" for figure in figures)}),')
        print(f"    # off by {off.mean():.1%} on average, {np.quantile(off, 0.95):.1%} at most for 19 of 20")


if __name__ == "__main__":
    main()
