"""Every refusal a register can meet: code → HTTP status, words for the cashier, what to do."""

from typing import Literal, NamedTuple

from renkei.errors import TillRefused
from renkei_contracts.till import TillProblem

Action = Literal["proceed_without_points", "rescan", "call_staff", "retry"]


class Refusal(NamedTuple):
    """One row: the message is Japanese, at most 40 characters."""

    status: int
    message: str
    retryable: bool
    action: Action


REFUSALS: dict[str, Refusal] = {
    "member_not_found": Refusal(
        404, "会員が見つかりません。もう一度読み取ってください", False, "rescan"
    ),
    "member_ambiguous": Refusal(
        409, "該当する会員が複数います。会員証を読み取ってください", False, "rescan"
    ),
    "lookups_exhausted": Refusal(
        429, "照会が多すぎます。しばらくしてからお試しください", True, "retry"
    ),
    "codes_exhausted": Refusal(
        429, "利用の操作が多すぎます。しばらくしてからお試しください", True, "retry"
    ),
    "qr_invalid": Refusal(422, "このQRコードは会員証ではありません", False, "rescan"),
    "qr_expired": Refusal(
        409, "QRコードの期限切れです。新しいコードを表示してください", False, "rescan"
    ),
    "qr_used": Refusal(
        409, "このQRコードは使用済みです。新しいコードを表示してください", False, "rescan"
    ),
    "card_taken": Refusal(409, "このカード番号は登録できません", False, "call_staff"),
    "member_not_active": Refusal(
        409, "この会員証は現在使えません", False, "proceed_without_points"
    ),
    "insufficient_points": Refusal(
        409, "ポイントが足りません。利用数を減らしてください", False, "proceed_without_points"
    ),
    "points_exceed_total": Refusal(
        422, "利用ポイントがお会計の金額を超えています", False, "proceed_without_points"
    ),
    "points_not_usable": Refusal(
        422,
        "このポイント数は使えません。利用数を変えてください",
        False,
        "proceed_without_points",
    ),
    "points_without_member": Refusal(
        422, "ポイント利用には会員証の読み取りが必要です", False, "rescan"
    ),
    "hold_not_found": Refusal(404, "ポイントの仮押さえが見つかりません", False, "rescan"),
    "hold_ended": Refusal(409, "仮押さえは終了しています。もう一度お試しください", False, "rescan"),
    "sale_not_found": Refusal(
        404, "取引が見つかりません。係員を呼んでください", False, "call_staff"
    ),
    "sale_of_other_member": Refusal(
        409, "この取引には別の会員が付いています。係員を呼んでください", False, "call_staff"
    ),
    "void_on_other_day": Refusal(
        409, "営業日が違うため取消できません。返品で処理してください", False, "call_staff"
    ),
    "refund_exceeds_sale": Refusal(
        422, "返品の内容が取引を超えています。係員を呼んでください", False, "call_staff"
    ),
    "override_not_allowed": Refusal(
        403, "レジでのポイント調整は許可されていません", False, "call_staff"
    ),
    "override_limit": Refusal(
        409, "ポイント調整の上限を超えています。係員を呼んでください", False, "call_staff"
    ),
    "hold_used": Refusal(
        409, "仮押さえは別の取引で使われました。係員を呼んでください", False, "call_staff"
    ),
    "allowance_not_allowed": Refusal(
        403, "オフラインでのポイント利用は許可されていません", False, "proceed_without_points"
    ),
    "allowance_limit": Refusal(
        422, "オフライン利用枠の上限を超えています", False, "proceed_without_points"
    ),
    "allowance_not_found": Refusal(
        404, "オフライン利用枠が見つかりません。係員を呼んでください", False, "call_staff"
    ),
    "allowance_of_other_member": Refusal(
        409, "オフライン利用枠の会員が違います。係員を呼んでください", False, "call_staff"
    ),
    "allowance_counter": Refusal(
        409, "オフライン利用枠の回数が合いません。係員を呼んでください", False, "call_staff"
    ),
    "allowance_over": Refusal(
        409, "オフライン利用枠の期限が切れています", False, "proceed_without_points"
    ),
    "allowance_exceeded": Refusal(
        409, "オフライン利用枠の残りが足りません", False, "proceed_without_points"
    ),
    "hold_of_other_member": Refusal(
        409, "仮押さえの会員が違います。係員を呼んでください", False, "call_staff"
    ),
    "activity_unknown": Refusal(
        422, "この行動にはポイントが付きません", False, "proceed_without_points"
    ),
    "reward_unknown": Refusal(422, "この特典はありません", False, "proceed_without_points"),
    "reward_exhausted": Refusal(
        409, "この特典はこれ以上交換できません", False, "proceed_without_points"
    ),
    "coupon_not_exchanged": Refusal(
        409, "ポイントと交換したクーポンではありません", False, "proceed_without_points"
    ),
    "coupon_not_found": Refusal(
        404, "クーポンが見つかりません。もう一度読み取ってください", False, "rescan"
    ),
    "coupon_of_other_member": Refusal(
        409, "このクーポンは他の会員のものです", False, "proceed_without_points"
    ),
    "coupon_used": Refusal(
        409, "このクーポンは使用済みか取り消されています", False, "proceed_without_points"
    ),
    "coupon_held": Refusal(
        409, "このクーポンは別のレジでお会計中です", False, "proceed_without_points"
    ),
    "coupon_not_usable": Refusal(
        422, "このクーポンはここでは使えません", False, "proceed_without_points"
    ),
    "coupons_not_combinable": Refusal(
        422, "このクーポンは他のクーポンと併用できません", False, "proceed_without_points"
    ),
    "coupon_without_member": Refusal(
        422, "クーポン利用には会員証の読み取りが必要です", False, "rescan"
    ),
    "key_reused": Refusal(
        409, "同じ番号で内容の違う取引があります。係員を呼んでください", False, "call_staff"
    ),
    "sale_of_other_till": Refusal(
        403, "このレジの取引ではありません。係員を呼んでください", False, "call_staff"
    ),
    "of_other_channel": Refusal(
        403, "このお店の注文や会員ではありません。係員を呼んでください", False, "call_staff"
    ),
    "channel_of_vendor": Refusal(
        403, "このお店の注文と会員は連携先から届きます", False, "call_staff"
    ),
    "order_unclear": Refusal(409, "更新時刻が同じで内容の違う注文があります", False, "call_staff"),
    "till_not_named": Refusal(
        400, "レジの指定がありません。係員を呼んでください", False, "call_staff"
    ),
    "till_unknown": Refusal(
        403, "登録されていないレジです。係員を呼んでください", False, "call_staff"
    ),
    "cursor_unknown": Refusal(
        400, "差分取得の位置が不正です。最初から取得してください", False, "call_staff"
    ),
    "request_invalid": Refusal(
        422, "送信の内容に誤りがあります。係員を呼んでください", False, "call_staff"
    ),
    "internal": Refusal(
        500, "エラーが起きました。ポイントなしで会計してください", False, "proceed_without_points"
    ),
    "busy": Refusal(503, "混み合っています。もう一度お試しください", True, "retry"),
}


def refused(code: str, about: str = "") -> TillRefused:
    """The refusal of this code; ``about`` is the value that is meant."""
    row = REFUSALS[code]
    problem = TillProblem(
        code=code, message=row.message, retryable=row.retryable, action=row.action
    )
    return TillRefused(problem, row.status, about)
