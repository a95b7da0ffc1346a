"""A client that knows more of the record than there is, since a backup was restored: it hears what fires."""

from tests.announcing.test_alerts_api import ALERTS, LISTEN, MOVE
from tests.live.talk import Talk

BEYOND = 1_000


async def test_a_place_beyond_the_end_of_the_record_silences_no_alert(client, signed_in):
    async with client.websocket(f"{LISTEN}&announce_since={BEYOND}", headers=signed_in) as connection:
        talk = Talk(connection)
        assert (await talk.until("preferred"))["sequence"] == 0
        await client.post(ALERTS, json=MOVE, headers=signed_in)
        heard = await talk.until("announce")
    assert heard["kind"] == "alert"
    assert 0 < heard["sequence"] < BEYOND


async def test_who_asks_from_beyond_the_end_of_the_record_is_told_where_it_ends(client, signed_in):
    path = "/announcements?since="
    for _ in range(2):
        missed = await (await client.get(f"{path}{BEYOND}", headers=signed_in)).get_json()
        assert (missed["sequence"], missed["announcements"]) == (0, [])
    async with client.websocket(LISTEN, headers=signed_in) as connection:
        talk = Talk(connection)
        await talk.until("subscribed")
        await client.post(ALERTS, json=MOVE, headers=signed_in)
        heard = await talk.until("announce")
    told = await (await client.get(f"{path}{missed['sequence']}", headers=signed_in)).get_json()
    assert [each["sequence"] for each in told["announcements"]] == [heard["sequence"]]
