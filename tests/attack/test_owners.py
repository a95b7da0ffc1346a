"""Three users and an admin, thousands of steps: nothing crosses owners, and no answer tells what exists.

A model knows which sessions, alerts and collected symbols there are and whose. Every request is held to it:
what is one's own answers as it should, what is another's answers exactly as what never was.
"""

import random
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from tests.attack.conftest import Household

NAMES = ("ada", "bob", "gone")
ALERTS = "/api/v1/alerts"
SYMBOLS = "/api/v1/symbols"
PROFILE = "/api/v1/users/profile"
ADMIN = "/api/v1/admin"
SHORT, LONG = 400, 5_000
SESSIONS_KEPT, ALERTS_KEPT = 6, 5
COLLECTED = ("BTC/USD", "ETH/USD", "SOL/USD")
PLACE = {"market": "simulated", "exchange": "simex"}
TAKEN_AWAY = (
    "do_end_a_session_of_anybody",
    "do_delete_an_alert_of_anybody",
    "do_stop_collecting_what_anybody_asked_for",
)


@dataclass
class Held:
    """One session of a user, as the model knows it."""

    session_id: str
    access_token: str
    refresh_token: str
    alive: bool = True


@dataclass
class Person:
    """What one user should have, and may do."""

    name: str
    user_id: int
    sessions: list[Held] = field(default_factory=list)
    alerts: dict[int, str] = field(default_factory=dict)
    symbols: set[str] = field(default_factory=set)
    locale: str | None = None
    disabled: bool = False
    admin: bool = False

    @property
    def living(self) -> list[Held]:
        return [held for held in self.sessions if held.alive]

    def end_all(self, spared: Held | None = None) -> None:
        for held in self.sessions:
            held.alive = held is spared and held.alive


def told(problem: dict[str, Any]) -> dict[str, Any]:
    """Return a problem without what differs from one request to the next."""
    return {name: value for name, value in problem.items() if name not in ("request_id", "instance")}


class Town:
    """Take one random step after another, and hold every answer to the model."""

    def __init__(self, household: Household, seed: int) -> None:
        self.household = household
        self.client = household.app.test_client()
        self.rng = random.Random(seed)
        self.people = [Person(name, household.users[name].user_id) for name in NAMES]
        self.root = Person("root", household.users["root"].user_id, admin=True)
        # Each kind of step that was taken, and how it was answered.
        self.taken: dict[str, set[int]] = {}
        self.step_taken = ""

    async def ask(
        self, method: str, path: str, token: str | None, body: object = None, *, counts: bool = True
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        place = self.household.place()
        if body is None:
            response = await self.client.open(path, method=method, headers=headers, scope_base=place)
        else:
            response = await self.client.open(
                path, method=method, headers=headers, json=body, scope_base=place
            )
        assert response.status_code < 500, (method, path)
        if counts:
            self.taken.setdefault(self.step_taken, set()).add(response.status_code)
        text = await response.get_data(as_text=True)
        return response.status_code, (await response.get_json()) if text else None

    async def sign_in(self, person: Person) -> Held:
        pair = await self.household.pair(person.name)
        principal = await self.household.house.auth.authenticate(pair.access_token)
        held = Held(str(principal.session_id), pair.access_token, pair.refresh_token)
        person.sessions = [*person.sessions, held][-SESSIONS_KEPT:]
        return held

    def someone(self) -> tuple[Person, Held]:
        person = self.rng.choice(self.people)
        # Mostly one that is alive, or there would be little to see but 401.
        alive = self.rng.random() < 0.8
        return person, self.rng.choice((person.living if alive else []) or person.sessions)

    async def step(self) -> None:
        for person in self.people:
            if not person.disabled and not person.living:
                await self.sign_in(person)
        self.step_taken = self.rng.choice([each for each in dir(self) if each.startswith("do_")])
        self.taken.setdefault(self.step_taken, set())
        await getattr(self, self.step_taken)()

    async def do_sign_in(self) -> None:
        person = self.rng.choice(self.people)
        if not person.disabled:
            if len(person.living) == SESSIONS_KEPT:
                await self.household.house.pool.execute(
                    "UPDATE session SET revoked_at = now(), revoked_reason = 'test' WHERE session_id = $1",
                    person.sessions[0].session_id,
                )
            await self.sign_in(person)

    async def do_list_sessions(self) -> None:
        person, held = self.someone()
        status, body = await self.ask("GET", "/auth/sessions", held.access_token)
        assert status == (200 if held.alive else 401)
        if status == 200:
            seen = {session["id"] for session in body["sessions"]}
            assert seen == {each.session_id for each in person.living}

    async def do_end_a_session_of_anybody(self) -> None:
        person, held = self.someone()
        _, target = self.someone()
        status, body = await self.ask("DELETE", f"/auth/sessions/{target.session_id}", held.access_token)
        _, never = await self.ask("DELETE", f"/auth/sessions/{uuid4()}", held.access_token, counts=False)
        if not held.alive:
            assert status == 401
        elif target in person.living:
            assert status == 204
            target.alive = False
        else:
            assert status == 404
            if held.alive:
                assert told(body) == told(never)

    async def do_end_all(self) -> None:
        person, held = self.someone()
        keep = self.rng.random() < 0.7
        status, _ = await self.ask(
            "DELETE", f"/auth/sessions?keep_current={str(keep).lower()}", held.access_token
        )
        assert status == (204 if held.alive else 401)
        if held.alive:
            person.end_all(held if keep else None)

    async def do_log_out(self) -> None:
        _, held = self.someone()
        status, _ = await self.ask("POST", "/auth/logout", held.access_token)
        assert status == (204 if held.alive else 401)
        held.alive = False

    async def do_refresh(self) -> None:
        _, held = self.someone()
        status, body = await self.ask("POST", "/auth/refresh", None, {"token": held.refresh_token})
        assert status == (200 if held.alive else 401)
        if held.alive:
            held.access_token, held.refresh_token = body["access_token"], body["refresh_token"]

    async def do_change_the_profile(self) -> None:
        person, held = self.someone()
        locale = self.rng.choice(["en", "de", "fr"])
        status, body = await self.ask("PATCH", PROFILE, held.access_token, {"locale": locale})
        assert status == (200 if held.alive else 401)
        if held.alive:
            person.locale = locale
            assert (body["id"], body["username"], body["locale"]) == (person.user_id, person.name, locale)

    async def do_read_the_profile(self) -> None:
        person, held = self.someone()
        status, body = await self.ask("GET", PROFILE, held.access_token)
        assert status == (200 if held.alive else 401)
        if held.alive:
            role = "admin" if person.admin else "user"
            assert (body["id"], body["locale"], body["role"]) == (person.user_id, person.locale, role)

    async def do_make_an_alert(self) -> None:
        person, held = self.someone()
        if len(person.alerts) >= ALERTS_KEPT:
            return
        level = str(self.rng.randrange(1, 10**6))
        body = PLACE | {"symbol": "BTC/USD", "kind": "cross_above", "level": level}
        status, made = await self.ask("POST", ALERTS, held.access_token, body)
        assert status == (201 if held.alive else 401), made
        if held.alive:
            person.alerts[made["id"]] = level

    async def do_list_alerts(self) -> None:
        person, held = self.someone()
        status, body = await self.ask("GET", f"{ALERTS}?limit=200", held.access_token)
        assert status == (200 if held.alive else 401)
        if held.alive:
            assert {alert["id"] for alert in body["alerts"]} == set(person.alerts)

    async def do_delete_an_alert_of_anybody(self) -> None:
        person, held = self.someone()
        others = [alert_id for each in self.people for alert_id in each.alerts] or [10**9]
        alert_id = self.rng.choice(others)
        status, body = await self.ask("DELETE", f"{ALERTS}/{alert_id}", held.access_token)
        _, never = await self.ask("DELETE", f"{ALERTS}/{10**12}", held.access_token, counts=False)
        if not held.alive:
            assert status == 401
        elif alert_id in person.alerts:
            assert status == 204
            del person.alerts[alert_id]
        else:
            assert status == 404
            assert told(body) | {"detail": ""} == told(never) | {"detail": ""}

    async def do_collect_a_symbol(self) -> None:
        person, held = self.someone()
        symbol = self.rng.choice(COLLECTED)
        status, body = await self.ask("POST", SYMBOLS, held.access_token, PLACE | {"symbol": symbol})
        assert status == (401 if not held.alive else 200 if symbol in person.symbols else 201)
        if held.alive:
            assert (body["symbol"], body["yours"]) == (symbol, True)
            person.symbols.add(symbol)

    async def do_list_the_symbols(self) -> None:
        person, held = self.someone()
        status, body = await self.ask("GET", SYMBOLS, held.access_token)
        assert status == (200 if held.alive else 401)
        if held.alive:
            collected = {symbol for each in self.people for symbol in each.symbols}
            seen = {each["symbol"]: each["yours"] for each in body["symbols"]}
            assert seen == {symbol: symbol in person.symbols for symbol in collected}

    async def do_stop_collecting_what_anybody_asked_for(self) -> None:
        person, held = self.someone()
        symbol = self.rng.choice(COLLECTED)
        status, body = await self.ask("DELETE", f"{SYMBOLS}/{symbol}", held.access_token)
        _, never = await self.ask("DELETE", f"{SYMBOLS}/NEVER/USD", held.access_token, counts=False)
        # An admin ends it for everybody.
        askers = self.people if person.admin else [person]
        if not held.alive:
            assert status == 401
        elif any(symbol in each.symbols for each in askers):
            assert status == 204
            for each in askers:
                each.symbols.discard(symbol)
        else:
            assert status == 404
            assert told(body) == told(never)

    async def do_look_at_what_admins_see(self) -> None:
        person, held = self.someone()
        path = self.rng.choice(["users", "sessions", "audit", "jobs", "exchanges", "feeds"])
        status, _ = await self.ask("GET", f"{ADMIN}/{path}", held.access_token)
        assert status == (401 if not held.alive else 200 if person.admin else 403)

    async def do_make_oneself_an_admin(self) -> None:
        person, held = self.someone()
        if person.admin:
            return
        path = f"{ADMIN}/users/{person.user_id}/role"
        status, _ = await self.ask("PUT", path, held.access_token, {"role": "admin"})
        assert status == (403 if held.alive else 401)
        status, _ = await self.ask("PATCH", PROFILE, held.access_token, {"role": "admin"})
        assert status == (422 if held.alive else 401)

    async def do_change_a_role(self) -> None:
        person = self.rng.choice(self.people)
        person.admin = self.rng.random() < 0.3
        body = {"role": "admin" if person.admin else "user"}
        path = f"{ADMIN}/users/{person.user_id}/role"
        status, _ = await self.ask("PUT", path, self.root.sessions[0].access_token, body)
        assert status == 200

    async def do_disable_or_enable(self) -> None:
        person = self.rng.choice(self.people)
        person.disabled = not person.disabled
        verb = "disable" if person.disabled else "enable"
        path = f"{ADMIN}/users/{person.user_id}/{verb}"
        status, _ = await self.ask("POST", path, self.root.sessions[0].access_token)
        assert status == 200
        if person.disabled:
            person.end_all()


async def live(household: Household, steps: int, seed: int) -> None:
    town = Town(household, seed)
    await town.sign_in(town.root)
    for person in town.people:
        await town.sign_in(person)
    for _ in range(steps):
        await town.step()
    assert set(town.taken) == {name for name in dir(town) if name.startswith("do_")}
    # What is one's own, what is another's, and what is asked with a session that is over.
    for name in TAKEN_AWAY:
        assert town.taken[name] == {204, 401, 404}, name


async def test_nothing_crosses_owners(household: Household) -> None:
    await live(household, SHORT, seed=3)


@pytest.mark.long
async def test_nothing_crosses_owners_in_five_thousand_steps(household: Household) -> None:
    await live(household, LONG, seed=4)
