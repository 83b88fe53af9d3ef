"""A client of the web chat contract, as short as tests want it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp


@dataclass
class Chat:
    """One conversation over real HTTP."""

    http: aiohttp.ClientSession
    id: str
    token: str

    @classmethod
    async def start(cls, http: aiohttp.ClientSession) -> Chat:
        """Start a conversation."""
        async with http.post("/api/chat/conversations", json={}) as response:
            assert response.status == 201, await response.text()
            body = await response.json()
        return cls(http, body["id"], body["token"])

    @property
    def headers(self) -> dict[str, str]:
        """What authorises this visitor."""
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def path(self) -> str:
        """The address of the conversation."""
        return f"/api/chat/conversations/{self.id}"

    async def send(self, message: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """POST a message as it is given; status and body."""
        async with self.http.post(f"{self.path}/messages", json=message, headers=self.headers) as response:
            return response.status, await response.json(content_type=None)

    async def say(self, text: str | None = None, *, payload: str | None = None) -> list[dict[str, Any]]:
        """Send a text or a payload with a fresh id and return the replies."""
        content = {"text": text} if payload is None else {"payload": payload}
        status, body = await self.send({"id": str(uuid4()), **content})
        assert status == 200, body
        found: list[dict[str, Any]] = body["messages"]
        return found

    async def history(self, after: str | None = None) -> list[dict[str, Any]]:
        """All messages, or those behind one."""
        parameters = {"after": after} if after else {}
        async with self.http.get(f"{self.path}/messages", params=parameters, headers=self.headers) as response:
            assert response.status == 200, await response.text()
            found: list[dict[str, Any]] = (await response.json())["messages"]
            return found
