"""The storefront block: what it shows exists, and it asks the hub as the hub answers."""

import asyncio
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

BLOCK = Path(__file__).parents[3] / "plugins" / "shopify" / "storefront"
SCRIPT = BLOCK / "assets" / "renkei-points.js"
LIQUID = (BLOCK / "blocks" / "points.liquid").read_text(encoding="utf-8")


def texts(value: Any, path: str = "") -> set[str]:
    """Every text of a locale by its path."""
    if not isinstance(value, dict):
        return {path}
    return {one for key, part in value.items() for one in texts(part, f"{path}.{key}".lstrip("."))}


def test_the_blocks_settings_are_json_with_a_script_that_is_there() -> None:
    found = re.search(r"{% schema %}(.*?){% endschema %}", LIQUID, re.DOTALL)
    assert found is not None
    schema = json.loads(found[1])
    assert schema["target"] == "section"
    assert (BLOCK / "assets" / schema["javascript"]).is_file()
    ids = {setting["id"] for setting in schema["settings"]}
    assert set(re.findall(r"block\.settings\.(\w+)", LIQUID)) == ids


@pytest.mark.parametrize("locale", ["ja.default", "en"])
def test_every_text_is_in_every_language(locale: str) -> None:
    told = json.loads((BLOCK / "locales" / f"{locale}.json").read_text(encoding="utf-8"))
    assert texts(told) == set(re.findall(r"'([\w.]+)' \| t\b", LIQUID))


def test_what_the_script_looks_for_is_in_the_block() -> None:
    wanted = set(re.findall(r"\[(data-[\w-]+)\]", SCRIPT.read_text(encoding="utf-8")))
    assert wanted
    assert wanted <= set(re.findall(r"\b(data-[\w-]+)", LIQUID))


RUN = """
import fs from "node:fs";
import vm from "node:vm";
const context = vm.createContext({ URLSearchParams, encodeURIComponent });
vm.runInContext(fs.readFileSync(process.argv[2], "utf8"), context);
const { hub, keptHold, linkOf, usableCode } = context.renkeiPoints;
const { answers, task } = JSON.parse(fs.readFileSync(0, "utf8"));
const asked = [];
const shop = hub("/apps/renkei", async (url, { method }) => {
  asked.push(`${method} ${url}`);
  const [status, told] = answers.shift();
  return { ok: status < 400, status, json: async () => told };
});
const kept = new Map([["renkei-points-hold", "hld_1"]]);
const storage = { getItem: (key) => kept.get(key) ?? null, removeItem: (key) => kept.delete(key) };
const tasks = {
  use: () => usableCode(shop, 300, "5e0f7a2c", async () => undefined),
  kept: () => keptHold(shop, storage),
  link: () => linkOf("hld-1 a", "/checkout?x=1"),
};
let outcome;
try {
  outcome = { gave: await tasks[task]() };
} catch (error) {
  outcome = { refused: error.code ?? String(error) };
}
console.log(JSON.stringify({ ...outcome, asked }));
"""


async def run(tmp_path: Path, task: str, answers: list[tuple[int, Any]]) -> dict[str, Any]:
    """What a part of the script does where the hub answers so."""
    file = tmp_path / "run.mjs"
    file.write_text(RUN, encoding="utf-8")
    pipe = asyncio.subprocess.PIPE
    node = await asyncio.create_subprocess_exec(
        "node", str(file), str(SCRIPT), stdin=pipe, stdout=pipe
    )
    told, _ = await node.communicate(json.dumps({"task": task, "answers": answers}).encode())
    assert node.returncode == 0
    found: dict[str, Any] = json.loads(told)
    return found


MADE = {"hold": "hld_1", "code": "hld-1", "points": 300, "yen": 300, "state": "wanted"}


@pytest.mark.peers
@pytest.mark.skipif(shutil.which("node") is None, reason="node is needed")
class TestScript:
    async def test_a_code_is_waited_for_until_the_store_has_it(self, tmp_path: Path) -> None:
        wanted, issued = {"state": "wanted"}, {"state": "issued"}
        did = await run(tmp_path, "use", [(200, MADE), (200, wanted), (200, issued)])
        assert did["gave"] == MADE | issued
        assert did["asked"] == [
            "POST /apps/renkei/holds?points=300&key=5e0f7a2c",
            "GET /apps/renkei/holds?hold=hld_1",
            "GET /apps/renkei/holds?hold=hld_1",
        ]

    async def test_a_code_that_cannot_be_issued_gives_the_points_back(self, tmp_path: Path) -> None:
        failed = {"state": "failed"}
        did = await run(tmp_path, "use", [(200, MADE), (200, failed), (200, failed)])
        assert did["refused"] == "code_not_issued"
        assert did["asked"][-1] == "POST /apps/renkei/holds/release?hold=hld_1"

    async def test_a_refusal_is_known_by_its_code(self, tmp_path: Path) -> None:
        did = await run(tmp_path, "use", [(409, {"code": "insufficient_points"})])
        assert did["refused"] == "insufficient_points"

    @pytest.mark.parametrize(
        ("answer", "kept"),
        [
            ((200, {"state": "issued"}), "hld_1"),
            ((200, {"state": "used"}), None),
            ((404, {"code": "hold_not_found"}), None),
        ],
    )
    async def test_a_hold_that_has_ended_is_forgotten(
        self, tmp_path: Path, answer: tuple[int, Any], kept: str | None
    ) -> None:
        assert (await run(tmp_path, "kept", [answer]))["gave"] == kept

    async def test_the_code_goes_to_the_stores_own_link(self, tmp_path: Path) -> None:
        did = await run(tmp_path, "link", [])
        assert did["gave"] == "/discount/hld-1%20a?redirect=%2Fcheckout%3Fx%3D1"
