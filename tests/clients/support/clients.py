"""`arize-phoenix-client` in both its forms, called in one way."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from phoenix.client import AsyncClient, Client

from .server import Server

Run = Callable[[Callable[[Any], Any]], Any]


def run_sync(server: Server, key: str) -> Run:
    """Apply a function to a fresh sync client."""
    return lambda use: use(Client(base_url=server.base_url, api_key=key))


def run_async(server: Server, key: str) -> Run:
    """Apply a function to a fresh async client and await what it returns."""

    async def run(use: Callable[[Any], Any]) -> Any:
        answer = use(AsyncClient(base_url=server.base_url, api_key=key))
        return await answer if inspect.isawaitable(answer) else answer

    return lambda use: asyncio.run(run(use))
