"""The cases of the 連携テスト: what each does, and what the hub must answer.

Each leaves the members as it found them.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from renkei.till_test.caller import CaseFailed, Till, expect
from renkei.till_test.members import NOBODY, SHARED_PHONE
from renkei.till_test.sales import (
    API,
    LINES,
    RESOLVE,
    SALES,
    member,
    now,
    refund,
    sale,
    sold,
    spendable,
    undo,
)


class Case(NamedTuple):
    """One case: its number, what it does and expects in Japanese, and how it is played."""

    id: str
    title: str
    expects: str
    play: Callable[[Till], Awaitable[None]]


async def _look_up(till: Till) -> None:
    found = await member(till)
    if "一郎" in found["masked_name"]:
        raise CaseFailed("氏名がマスクされていません")


async def _nobody(till: Till) -> None:
    answer = await till.post(RESOLVE, {"scheme": "card", "value": NOBODY})
    answer.refused("member_not_found")
    expect("action", answer.body["action"], "rescan")


async def _several(till: Till) -> None:
    ask = {"scheme": "phone", "value": SHARED_PHONE}
    (await till.post(RESOLVE, ask)).refused("member_ambiguous")
    hits = (await till.post(f"{API}/members:search", ask)).ok()["hits"]
    expect("hits", len(hits), 2)


async def _quote(till: Till) -> None:
    who = (await member(till))["member"]
    ask = {"member": who, "lines": LINES, "points_wanted": 100}
    told = (await till.post(f"{API}/quotes", ask)).ok()
    expect("total", told["total"] + sum(one["points_discount"] for one in told["rates"]), 5_460)
    expect("points_used", told["points_used"], 100)


async def _hold(till: Till) -> None:
    before = await spendable(till)
    ask = {"key": till.name(), "member": (await member(till))["member"], "points": 100}
    first = (await till.post(f"{API}/holds", ask)).ok()
    expect("同じキーの再送", (await till.post(f"{API}/holds", ask)).ok(), first)
    (await till.post(f"{API}/holds", ask | {"points": 99})).refused("key_reused")
    expect("仮押さえ中の spendable", await spendable(till), before - 100)
    (await till.post(f"{API}/holds/{first['hold']}:release")).ok()
    expect("解除後の spendable", await spendable(till), before)


async def _hold_pays(till: Till) -> None:
    before = await spendable(till)
    key = {"key": till.name(), "member": (await member(till))["member"], "points": 200}
    held = (await till.post(f"{API}/holds", key)).ok()
    ask, booked = await sold(till, hold=held["hold"], points_used=150)
    expect("used", booked["used"], 150)
    await undo(till, ask)
    expect("終了時の spendable", await spendable(till), before)


async def _commit(till: Till) -> None:
    before = await spendable(till)
    ask, first = await sold(till)
    expect("再送の応答", (await till.post(SALES, ask)).ok(), first)
    other = ask | {"lines": LINES[:1]}
    (await till.post(SALES, other)).refused("key_reused")
    restated = (await till.post(SALES, other | {"revision": 2})).ok()
    expect("revision", restated["revision"], 2)
    await undo(till, ask)
    expect("終了時の spendable", await spendable(till), before)


async def _points_pay(till: Till) -> None:
    ask, booked = await sold(till, points_used=100)
    expect("used", booked["used"], 100)
    expect("tax_rate", [one["tax_rate"] for one in booked["rates"]], [800, 1000])
    expect("points_discount", sum(one["points_discount"] for one in booked["rates"]), 100)
    if not any("ポイント残高" in line for line in booked["receipt"]):
        raise CaseFailed("レシートに残高がありません")
    await undo(till, ask)


async def _too_many(till: Till) -> None:
    who = await member(till)
    dear = [LINES[0] | {"amount": 10_000_000}]
    ask = sale(till, who["member"], lines=dear, points_used=int(who["spendable"]) + 1)
    answer = await till.post(SALES, ask)
    answer.refused("insufficient_points")
    expect("action", answer.body["action"], "proceed_without_points")


async def _lost_answer(till: Till) -> None:
    ask = sale(till, (await member(till))["member"])
    (await till.get(SALES, **ask["sale"])).refused("sale_not_found")
    booked = (await till.post(SALES, ask)).ok()
    stands = (await till.get(SALES, **ask["sale"])).ok()
    for name in ("sale", "revision", "member", "earned", "used"):
        expect(name, stands[name], booked[name])
    await undo(till, ask)


async def _void(till: Till) -> None:
    before = await spendable(till)
    ask, _ = await sold(till, points_used=100)
    first = await undo(till, ask)
    expect("points_returned", first["points_returned"], 100)
    expect("再送の応答", await undo(till, ask), first)
    expect("spendable", await spendable(till), before)


async def _refund(till: Till) -> None:
    ask, booked = await sold(till)
    back = refund(till, ask, 3_300)
    first = (await till.post(f"{SALES}:refund", back)).ok()
    expect("outcome", first["outcome"], "booked")
    expect("earned", first["earned"] + first["earned_back"], booked["earned"])
    expect("再送の応答", (await till.post(f"{SALES}:refund", back)).ok(), first)
    (await till.post(f"{SALES}:refund", refund(till, ask, 1))).refused("refund_exceeds_sale")
    await undo(till, ask)


async def _refund_first(till: Till) -> None:
    ask = sale(till, (await member(till))["member"])
    parked = (await till.post(f"{SALES}:refund", refund(till, ask, 3_300))).ok()
    expect("outcome", parked["outcome"], "parked")
    (await till.post(SALES, ask)).ok()
    stands = (await till.get(SALES, **ask["sale"])).ok()
    expect("returned_amount", stands["lines"][0]["returned_amount"], 3_300)
    await undo(till, ask)


async def _attach(till: Till) -> None:
    ask = sale(till, None)
    (await till.post(SALES, ask)).ok()
    who = (await member(till))["member"]
    told = {"sale": ask["sale"], "member": who}
    expect("member", (await till.post(f"{SALES}:attach", told)).ok()["member"], who)
    await undo(till, ask)


async def _training(till: Till) -> None:
    before = await spendable(till)
    ask = sale(till, (await member(till))["member"], points_used=100)
    answer = (await till.post(SALES, ask, Renkei_Training="true")).ok()
    expect("used", answer["used"], 100)
    (await till.get(SALES, **ask["sale"])).refused("sale_not_found")
    expect("spendable", await spendable(till), before)


async def _signature(till: Till) -> None:
    ask = {"scheme": "card", "value": NOBODY}
    (await till.post(RESOLVE, ask, Renkei_Signature="AAAA")).refused("unauthorized")
    (await till.post(RESOLVE, ask, Renkei_Timestamp="1000000000")).refused("clock_skew")


async def _closing(till: Till) -> None:
    day = till.today.isoformat()
    place = {"store": till.store, "till": till.till, "business_date": day}
    # A till settles at most 999 times a day: a number that no earlier run is likely to have used.
    report = place | {"settlement_count": 999, "closed_at": now(), "sales": 0}
    known = (await till.get(f"{API}/reconciliations", store=till.store, business_date=day)).ok()
    own = (one for one in known["tills"] if one["till"] == till.till)
    last = [one["reported"] for one in own if one["settlement_count"] == 999 and one["reported"]]
    report |= {"revision": last[0]["revision"] + 1 if last else 1}
    first = (await till.post(f"{API}/reconciliations", report)).ok()
    expect("agrees", first["agrees"], True)
    expect("再送の応答", (await till.post(f"{API}/reconciliations", report)).ok(), first)


CASES = (
    Case("T01", "会員照会(カード)", "会員ID・マスクした氏名・残高が返る", _look_up),
    Case("T02", "会員照会(該当なし)", "member_not_found、対応は再読取", _nobody),
    Case("T03", "会員照会(電話番号の重複)", "member_ambiguous、検索で2名の候補", _several),
    Case("T04", "試算", "付与・利用上限・税率別合計が返り、何も記帳されない", _quote),
    Case("T05", "仮押さえと解除", "残高が減り、同じキーは同じ応答、解除で戻る", _hold),
    Case("T06", "仮押さえによるポイント利用", "使った分だけ確定し、残りは戻る", _hold_pays),
    Case(
        "T07",
        "売上の登録・再送・訂正",
        "再送は同じ応答、別内容は key_reused、版で訂正",
        _commit,
    ),
    Case("T08", "ポイント利用の売上", "税率別の値引き後合計とレシート文言が返る", _points_pay),
    Case("T09", "残高不足", "insufficient_points、ポイントなしで会計を続行", _too_many),
    Case("T10", "応答喪失後の照会", "登録前は sale_not_found、登録後は記帳内容", _lost_answer),
    Case("T11", "当日取消・再送", "付与が取り消され利用が戻る。再送は同じ応答", _void),
    Case("T12", "一部返品・再送・超過", "按分で取り消し、超過は refund_exceeds_sale", _refund),
    Case("T13", "返品が売上より先に届く", "parked となり、売上の到着時に反映", _refund_first),
    Case("T14", "会員の後付け", "会員なしの売上に会員が付き、ポイントが付与される", _attach),
    Case("T15", "練習モード", "応答は本番と同じで、何も記帳されない", _training),
    Case("T16", "署名・時刻の誤り", "unauthorized、clock_skew", _signature),
    Case("T17", "精算の突合", "一致し、再送は同じ応答", _closing),
)
