"""Asks models on somebody's account: within his budgets, and with what they take recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from server.core.models.accounts import Account
from server.core.models.estimates import estimated, most_input
from server.core.models.ledger import Ledger, Taken
from server.core.models.port import ModelEnd, ModelRequest, Models, TextPiece, Usage
from server.work.models.around import AroundModels

# What a call within a budget may write whose caller does not say.
MOST_OUTPUT = 4096


class MeteredModels(AroundModels):
    """Other models, asked on accounts."""

    def __init__(self, models: Models, ledger: Ledger) -> None:
        super().__init__(models)
        self.ledger = ledger

    def on(self, account: Account) -> Models:
        """The models as they are asked on this account."""
        return _OnAccount(self, account)

    @property
    def unmetered(self) -> Models:
        """The models themselves, for whoever looks up what is known of them: nobody asks these."""
        return self._models

    async def stream(self, request: ModelRequest, account: Account) -> AsyncGenerator[TextPiece | ModelEnd]:
        """The answer as it comes. Raises the port's errors, and BudgetExhausted before anybody is asked.

        Where a budget was reserved of, what the call took is recorded when this has ended, however it ends. A call
        that breaks off has taken its prompt and what had come, by an estimate; one of which nothing came, nothing.
        """
        reservation = ""
        if await self.ledger.is_limited(account):
            if request.max_output_tokens is None:
                # What is not bounded would pass every budget.
                request = replace(request, max_output_tokens=MOST_OUTPUT)
            most, written = most_input(request), request.max_output_tokens or MOST_OUTPUT
            reservation = await self.ledger.reserve(account, request.model, most, written)
        usage: Usage | None = None
        characters, came = 0, False
        try:
            async with aclosing(self._models.stream(request)) as pieces:
                async for each in pieces:
                    came = True
                    if isinstance(each, ModelEnd):
                        usage = each.usage
                    else:
                        characters += len(each.text)
                    yield each
        finally:
            if came or reservation:
                spent = usage or estimated(request, characters)
                taken = Taken(account=account, model=request.model, usage=spent, reservation=reservation, counts=came)
                if reservation:
                    # Whoever cancels this again does not keep it from being recorded.
                    await asyncio.shield(asyncio.ensure_future(self.ledger.settle(taken)))
                else:
                    self.ledger.note(taken)


class _OnAccount(AroundModels):
    """The port, on one account."""

    def __init__(self, metered: MeteredModels, account: Account) -> None:
        super().__init__(metered.unmetered)
        self._metered = metered
        self._account = account

    def stream(self, request: ModelRequest) -> AsyncGenerator[TextPiece | ModelEnd]:
        return self._metered.stream(request, self._account)
