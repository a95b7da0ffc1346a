"""How long a text takes to be said, estimated from the text alone."""


def speech_s(text: str, words_per_minute: int, locale: str) -> float:
    """Return about how many seconds a synthesizer takes to say the text."""
    del locale
    digits = sum(map(str.isdigit, text))
    return (0.06 * (len(text) - digits) + 0.35 * digits + 0.3) * 175 / words_per_minute
