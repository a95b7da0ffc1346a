"""Passwords that are tried first: well-known ones, and what people make of them to reach the length. Pure.

Lists of leaked passwords hold few of fifteen characters and more. What is that long and still guessed at
once is put together from well-known pieces: ``password1234567``, ``qwertyqwertyqwerty``, ``iloveyou-you``.
So a password is refused when nothing is left of it after those pieces are taken away. It is compared as
people vary it: without case, and with ``0`` for ``o``, ``@`` for ``a`` and the like.
"""

import functools
import re
import unicodedata

# In this order of the alphabet, of digits, and of the rows of keyboards; also backwards.
ROWS = (
    *("abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm"),
    *("qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn", "1qaz2wsx3edc4rfv5tgb6yhn7ujm"),
    *("qazwsxedcrfvtgbyhnujm", "1q2w3e4r5t6y7u8i9o0p"),
)
RUN_LENGTH_MIN = 3
REPEAT_LENGTH_MIN = 4
# Compatibility forms make eighteen characters of one, and looking for what repeats takes the third power.
JUDGED_MAX = 128
# Words of the service itself, which whoever attacks it tries first.
CONTEXT = (
    "accessibletrader accessible accessibility trader trading trade market markets chart charts price "
    "prices bitcoin btc ethereum eth crypto usd dollar exchange bitstamp binance coinbase ticker candle "
    "broker "
)
# The words that lists of leaked passwords begin with.
COMMON = (
    "password passwort passwd pass word admin administrator root user username guest test testing tester "
    "demo login signin welcome hello letmein changeme change me default temp temporary secret private "
    "access master love iloveyou loveyou you i my the and is are am to for this that it me a dragon "
    "monkey football baseball basketball soccer hockey superman batman spiderman pokemon starwars star "
    "wars princess sunshine shadow michael jordan jennifer jessica ashley daniel charlie thomas hunter "
    "ranger buster tigger soldier harley killer george andrew michelle nicole hannah samantha amanda "
    "matthew anthony joshua robert william freedom whatever trustno1 trust mustang computer internet "
    "google facebook twitter linkedin instagram youtube apple microsoft windows linux server system "
    "database service office company business money bank account security summer winter spring autumn "
    "fall january february march april may june july august september october november december monday "
    "tuesday wednesday thursday friday saturday sunday today tomorrow forever always happy lucky angel "
    "baby girl boy man woman mother father family friend friends lover sweet cookie chocolate banana "
    "orange cherry flower butterfly tiger lion eagle wolf horse dog cat fish bear purple yellow green "
    "blue red black white silver golden gold diamond crystal heaven hell jesus god christ maria david "
    "john james peter paul mark alex max sam ben tom jack chelsea liverpool arsenal barcelona madrid "
    "london paris berlin newyork america england germany france spain italy mexico canada australia "
    "matrix merlin ninja samsung nintendo playstation xbox minecraft fortnite zelda mario naruto asshole "
    "fuck fuckyou fuckoff shit bitch sexy pussy cheese pepper ginger maggie bailey jasmine jordan23 "
    "abc123 aa123456 qwerty qwertz azerty asdf zxcv q1w2e3 zaq12wsx new old super mega ultra power strong "
    "safe long longer very good best number one two three four five six seven eight nine ten hundred "
    "thousand million first last name correct horse battery staple "
)
LOOKALIKES = str.maketrans("0134578@$!|€", "oleastbasiie")
NOTHING = re.compile(r"[ -/:-@\[-`{-~]")
YEAR = re.compile(r"(?:19|20)\d\d")


def is_well_known(password: str, username: str = "") -> bool:
    """Tell whether a password is put together from nothing but well-known pieces and the user's own name."""
    text = unicodedata.normalize("NFKC", password).casefold()[:JUDGED_MAX]
    plain = text.translate(LOOKALIKES)
    # Where each reachable place lies: from there on the rest has to be made of pieces too.
    reachable = {0}
    for start in range(len(text)):
        if start in reachable:
            reachable.update(start + length for length in _pieces(text, plain, start, username.casefold()))
    return len(text) in reachable


def _pieces(text: str, plain: str, start: int, name: str) -> set[int]:
    words, longest = _words()
    found = {
        length
        for length in range(1, min(longest, len(text) - start) + 1)
        if text[start : start + length] in words or plain[start : start + length] in words
    }
    if name and text.startswith(name, start):
        found.add(len(name))
    if YEAR.match(text, start):
        found.add(4)
    if NOTHING.match(text, start):
        found.add(1)
    # What is left of a number at the very end counts for nothing.
    if text[start:].isdigit():
        found.add(len(text) - start)
    found.update(range(RUN_LENGTH_MIN, _run_length(text, start) + 1))
    found.update(range(REPEAT_LENGTH_MIN, _repeat_length(text, start) + 1))
    return found


def _run_length(text: str, start: int) -> int:
    length = 0
    for row in ROWS:
        for line in (row, row[::-1]):
            while length < len(text) - start and text[start : start + length + 1] in line:
                length += 1
    return length


def _repeat_length(text: str, start: int) -> int:
    # aaaaaaa, and abcdabcdabcd: a unit that comes at least three times.
    best = 0
    for unit in range(1, (len(text) - start) // 3 + 1):
        end = start + unit
        while end < len(text) and text[end] == text[end - unit]:
            end += 1
        if end - start >= 3 * unit:
            best = max(best, end - start)
    return best


@functools.cache
def _words() -> tuple[frozenset[str], int]:
    words = frozenset((*COMMON.split(), *CONTEXT.split()))
    plain = frozenset(word.translate(LOOKALIKES) for word in words)
    return words | plain, max(map(len, words))
