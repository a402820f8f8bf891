"""The goods and the people of the script.

Each price is whole yen with and without tax, so that every vendor's way to reckon it agrees.
"""

from renkei_contracts.stage import Item, Shopper

POT = Item("PAIR-POT", "急須", 1, 11_000, 1000)
VASE = Item("PAIR-VASE", "花入れ", 1, 3_300, 1000)
CUP = Item("PAIR-CUP", "湯呑み", 1, 2_200, 1000)
TEA = Item("PAIR-TEA", "緑茶", 1, 1_080, 800)
SWEETS = Item("PAIR-SWEETS", "羊羹", 1, 540, 800)

GOODS = (POT, VASE, CUP, TEA, SWEETS)

PEOPLE = {
    "hanako": Shopper("hanako@example.jp", "山田", "花子"),
    "taro": Shopper("taro@example.jp", "鈴木", "太郎"),
    "yuki": Shopper("yuki@example.jp", "佐藤", "雪"),
    "ken": Shopper("ken@example.jp", "高橋", "健"),
    "mai": Shopper("mai@example.jp", "伊藤", "舞"),
    "taro again": Shopper("t.suzuki@example.jp", "鈴木", "太郎"),
    "nameless": Shopper("", "", ""),
    "emi": Shopper("emi@example.jp", "小林", "恵美", card="2900000000018"),
}
"""By the names that the state is told in; a card is what a till's own record is found by."""

MOVED = Shopper("hanako@example.net", "田中", "花子")
"""Hanako after her wedding."""
