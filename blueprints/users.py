"""What users see and set of their own: ``/api/v1/users/profile``."""

from typing import Annotated

from pydantic import Field
from quart import Blueprint, g
from quart.typing import ResponseReturnValue

from blueprints.formats.account_models import ProfileAnswer
from blueprints.formats.accounts import format_user
from blueprints.formats.ws_announce import ModeText, MoveShape, VerbosityText
from middleware.auth_middleware import requires_user
from middleware.context import services
from middleware.documentation import Answers, responses
from middleware.rate_limit import limit
from middleware.validation import RequestModel, json_body
from services.announcing.preferences import (
    MIN_GAP_S_MAX,
    MIN_GAP_S_MIN,
    WORDS_PER_MINUTE_MAX,
    WORDS_PER_MINUTE_MIN,
    Mode,
    Preferences,
    PreferencesChange,
    Verbosity,
    encode_preferences,
)
from utils.accounts import User
from utils.field_types import LanguageName, TimeZoneName

blueprint = Blueprint("users", __name__, url_prefix="/users")


class AnnouncementsShape(RequestModel):
    """What is to be announced; what is left out, or null, stays as it is."""

    mode: ModeText | None = None
    verbosity: VerbosityText | None = None
    min_gap_s: Annotated[float, Field(ge=MIN_GAP_S_MIN, le=MIN_GAP_S_MAX)] | None = None
    move: MoveShape | None = None
    words_per_minute: Annotated[int, Field(ge=WORDS_PER_MINUTE_MIN, le=WORDS_PER_MINUTE_MAX)] | None = None


class ProfileBody(RequestModel):
    """``{"locale": "de", "announcements": {"mode": "all"}}``; what is left out, or null, stays as it is."""

    locale: LanguageName | None = None
    time_zone: TimeZoneName | None = None
    announcements: AnnouncementsShape | None = None

    def change(self) -> PreferencesChange:
        """Return the change that this asks for."""
        wanted = self.announcements or AnnouncementsShape()
        return PreferencesChange(
            mode=None if wanted.mode is None else Mode(wanted.mode),
            verbosity=None if wanted.verbosity is None else Verbosity(wanted.verbosity),
            min_gap_s=wanted.min_gap_s,
            move=None if wanted.move is None else wanted.move.threshold(),
            words_per_minute=wanted.words_per_minute,
            locale=self.locale,
            time_zone=self.time_zone,
        )


@blueprint.get("/profile")
@requires_user
@limit("default")
@responses(Answers(ProfileAnswer))
async def get_profile() -> ResponseReturnValue:
    """Return who asks, and how they want to be spoken to."""
    profiles = services().profiles
    return _format(await profiles.user(g.principal), await profiles.preferences(g.principal))


@blueprint.patch("/profile")
@requires_user
@limit("default")
@json_body(ProfileBody)
@responses(Answers(ProfileAnswer))
async def patch_profile(body: ProfileBody) -> ResponseReturnValue:
    """Change how whoever asks wants to be spoken to."""
    profiles = services().profiles
    preferences = await profiles.change(g.principal, body.change())
    return _format(await profiles.user(g.principal), preferences)


def _format(user: User, preferences: Preferences) -> dict[str, object]:
    announcements = encode_preferences(preferences)
    spoken = {"locale": announcements.pop("locale"), "time_zone": announcements.pop("time_zone")}
    shown = {name: value for name, value in format_user(user).items() if name != "disabled"}
    return {**shown, **spoken, "announcements": announcements}
