"""Texts that look like those of a chat: few words are frequent, most are rare, some messages are in other scripts."""

import random
from collections.abc import Iterator
from itertools import accumulate

_COMMON = (
    "the to of and a in is it you that for on we have this with be are i as at not but can will from or so if do "
    "what there all my just me get about was up out they when like your an no our more one has would by how know its "
    "need see now time some then think good also here new could work go should any who make them been today want yes "
    "only really release build test deploy server meeting team review please thanks tomorrow report customer issue "
    "design update question ready channel week fixed change help done started page check version call email link data"
)
_STARTS = "b br c ch d dr f fl g gr h j k l m n p pl pr qu r s sh sl st t th tr v w z"
_MIDDLES = "a ai e ea ee i o oa oo ou u y"
_ENDS = ["", "ck", "d", "l", "m", "n", "nd", "nt", "p", "r", "rd", "s", "sh", "t", "x"]
VOCABULARY = 20_000

_PARTS = (
    "日本語 東京 会議 資料 確認 お願いします 明日 今日 問題 修正 ありがとうございます 了解です サーバー リリース "
    "我们 明天 会议 项目 问题 已经 修复 谢谢 请看 数据库 服务器 版本 测试 오늘 회의 감사합니다 서버 확인 부탁드립니다"
)
_MARKS = ("、", "。", "")
_TAGS = ("#release", "#incident", "#standup", "#friday-fun", "#help", "#design-review", "#ops", "#launch2026")
_ENDINGS = (".", ".", "", "", "", "!", "?")


class Texts:
    """An endless supply of messages; the same for the same `chance`."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        words = dict.fromkeys(_COMMON.split())
        starts, middles = _STARTS.split(), _MIDDLES.split()
        maker = random.Random(1)  # noqa: S311 - the vocabulary is always the same
        while len(words) < VOCABULARY:
            syllables = maker.choice((1, 2, 2, 2, 3))
            parts = (maker.choice(starts) + maker.choice(middles) + maker.choice(_ENDS) for _ in range(syllables))
            words["".join(parts)] = None
        self._words = list(words)
        self._parts = _PARTS.split()
        self._weights = list(accumulate(1 / (rank + 2.7) for rank in range(1, VOCABULARY + 1)))
        self._supply = self._drawn()

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """All words but those of other scripts, the frequent ones first."""
        return tuple(self._words)

    def _drawn(self) -> Iterator[str]:
        while True:
            yield from self._chance.choices(self._words, cum_weights=self._weights, k=10_000)

    def message(self, mention: str = "") -> str:
        """The next message; it calls the user `mention` by name, if there is one."""
        chance = self._chance.random
        kind = chance()
        if kind < 0.04:
            parts = [self._chance.choice(self._parts) for _ in range(1 + int(chance() * 6))]
            text = "".join(part + self._chance.choice(_MARKS) for part in parts)
        else:
            supply = self._supply
            # Most are short; a few fill a screen.
            count = 1 + int(self._chance.expovariate(1 / 9)) if kind < 0.98 else 60 + int(chance() * 120)
            text = " ".join([next(supply) for _ in range(count)]) + self._chance.choice(_ENDINGS)
        extra = chance()
        if extra < 0.03:
            text += f" {self._chance.choice(_TAGS)}"
        elif extra < 0.08:
            text += f" TICKET-{int(chance() * 100_000)}"
        elif extra < 0.10:
            text += f" https://example.com/{next(self._supply)}/{int(chance() * 1000)}"
        return f"@{mention} {text}" if mention else text
