"""Plays an answer that came in a content-encoding though it was asked not to: what the app gets is plain."""

from __future__ import annotations

from chaosllm.adapters.proxy.players.actions import Action, Player
from chaosllm.adapters.proxy.players.around import Around
from chaosllm.adapters.proxy.players.decoding import Decoder


class DecodedPlayer(Around):
    """Another player's answer, decoded before it is played; one whose coding is damaged breaks, as the upstream did."""

    def __init__(self, inner: Player, coding: str, decoder: Decoder | None = None) -> None:
        super().__init__(inner)
        self.why = ""  # the upstream's part in it, where its coding was damaged
        self._coding = coding
        self._decoder = decoder or Decoder(coding)

    def passing_to(self, inner: Player) -> DecodedPlayer:
        """The rest of the same answer, played by another one."""
        return DecodedPlayer(inner, self._coding, self._decoder)

    def data(self, data: bytes, now: float) -> list[Action]:
        """What can be decoded is played; from the first damaged piece on there is nothing."""
        if self.why:
            return []
        plain = self._decoder.feed(data)
        actions = self.inner.data(plain, now) if plain else []
        return actions + self._break(now) if self._decoder.broken else actions

    def end(self, now: float) -> list[Action]:
        """The end of an answer whose coding came to its own; else it breaks."""
        if self.why:
            return []
        return self.inner.end(now) if self._decoder.whole else self._break(now)

    def broken(self, now: float) -> list[Action]:
        """Break, unless it did."""
        return [] if self.why else self.inner.broken(now)

    def _break(self, now: float) -> list[Action]:
        self.why = f"the upstream's {self._coding} cannot be decoded"
        return self.inner.broken(now)
