"""How frequent terms and authors are, by PostgreSQL's statistics: they tell which way a search should go."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from server.context import Context
from server.db import SQL
from server.features.search.syntax import Search, Wish

STATISTICS = SQL("""
    SELECT greatest(c.reltuples, 0)::float8,
           coalesce(terms.most_common_elems::text::text[], '{}'),
           coalesce(terms.most_common_elem_freqs::float8[], '{}'),
           coalesce(users.most_common_vals::text::text[], '{}'),
           coalesce(users.most_common_freqs::float8[], '{}')
      FROM pg_class AS c
 LEFT JOIN pg_stats AS terms
        ON terms.schemaname = current_schema() AND terms.tablename = $1 AND terms.attname = 'terms'
 LEFT JOIN pg_stats AS users
        ON users.schemaname = current_schema() AND users.tablename = $1 AND users.attname = 'user_id'
     WHERE c.oid = to_regclass($1)
""")


class Frequencies(Struct):
    """The share of entries that have a term, for the most frequent ones; others are below `rest`."""

    entries: float
    """In the whole table."""
    shares: Mapping[str, float]
    rest: float
    users: Mapping[str, float]
    """The share of entries that are of a user, for those who write most."""

    def matches(self, search: Search, user_ids: Sequence[str], *, any_word: bool, names: bool) -> float:
        """How many entries the index has to look at for a search, about; all of them when it is no help."""
        shares = [self._of_wish(wish, names) for wish in search.wishes if not wish.without]
        share = (sum(shares) if any_word else min(shares)) if shares else 1.0
        if user_ids:
            rest = min(self.users.values(), default=0.0)
            share = min(share, sum(self.users.get(user_id, rest) for user_id in user_ids))
        return self.entries * min(1.0, share)

    def _of_wish(self, wish: Wish, names: bool) -> float:
        share = min(self._of_term(term.text, term.open) for term in wish.terms)
        if names and len(wish.text) > 1:
            pairs = ("%" + wish.text[place : place + 2] for place in range(len(wish.text) - 1))
            share += min(self.shares.get(pair, self.rest) for pair in pairs)
        return share

    def _of_term(self, term: str, open_end: bool) -> float:
        if not open_end:
            return self.shares.get(term, self.rest)
        return self.rest + sum(share for known, share in self.shares.items() if known.startswith(term))


async def frequencies(ctx: Context, table: str) -> Frequencies:
    """Of the terms in a table; a few minutes old at most, as the statistics are older anyway."""

    async def load() -> Frequencies:
        row = await ctx.db.row(STATISTICS, table)
        entries, terms, shares, users, user_shares = row if row is not None else (0.0, [], [], [], [])
        # After the shares of the terms stand the least and the greatest of them.
        known = dict(zip(terms, shares, strict=False))
        authors = dict(zip(users, user_shares, strict=True))
        return Frequencies(entries, known, min(known.values(), default=0.0), authors)

    return await ctx.cache.get(("search_frequencies", table), (), load)
