"""A client that holds every response against the description, and a visitor who uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.http.chat import Chat
from tests.http.contract import client


@pytest.fixture
async def http(base_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client of the server at ``base_url``; a response that is not as described fails the test."""
    async with client(base_url) as session:
        yield session


@pytest.fixture
async def chat(http: aiohttp.ClientSession) -> Chat:
    """A visitor who has just started a conversation."""
    return await Chat.start(http)
