"""Playing every case, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from renkei.till_test.caller import CaseFailed, Till
from renkei.till_test.cases import CASES, Case


@dataclass(frozen=True)
class Result:
    """What came of a case; ``fault`` is empty where it passed."""

    id: str
    title: str
    expects: str
    fault: str = ""

    @property
    def passed(self) -> bool:
        """Whether the hub did as the case expects."""
        return not self.fault


async def play(till: Till, cases: Sequence[Case] = CASES) -> list[Result]:
    """Every case, one after another: a failed one does not stop the others."""
    return [Result(*case[:3], await _fault_of(case, till)) for case in cases]


async def _fault_of(case: Case, till: Till) -> str:
    try:
        await case.play(till)
    except CaseFailed as error:
        return str(error)
    except httpx.TransportError as error:
        return f"ハブから応答がありません（{type(error).__name__}）"
    except (httpx.HTTPError, KeyError, ValueError) as error:
        return f"応答の形式が違います（{type(error).__name__}: {error}）"
    return ""
