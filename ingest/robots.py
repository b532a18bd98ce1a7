"""What a site's robots.txt (RFC 9309) lets a program read, and how much time it asks for between requests."""

from __future__ import annotations

from protego import Protego

LARGEST_ROBOTS_BYTES = 500 * 1024
"""What the standard says a program must read at least; more is left unread."""

_LONGEST_DELAY_SECONDS = 30.0
"""A longer `Crawl-delay` would be a way to hold a run for hours."""


class RobotRules:
    """The rules of one site for one program, named by its token; a site without a robots.txt has empty rules."""

    def __init__(self, content: bytes, token: str) -> None:
        text = content[:LARGEST_ROBOTS_BYTES].decode("utf-8-sig", errors="replace")
        self._rules = Protego.parse(text)
        self._token = token
        self.sitemaps: tuple[str, ...] = tuple(self._rules.sitemaps)

    def allows(self, url: str) -> bool:
        """Whether the program may read a page."""
        return self._rules.can_fetch(url, self._token)

    @property
    def delay_seconds(self) -> float:
        """The time the site wants between two requests, at most half a minute."""
        return min(self._rules.crawl_delay(self._token) or 0.0, _LONGEST_DELAY_SECONDS)
