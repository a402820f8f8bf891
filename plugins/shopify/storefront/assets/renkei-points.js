// Shows a shopper's points and turns some into a discount code for one use. It talks to the hub by
// the app proxy, whose path the block names: the store adds who is signed in, and signs.
(function () {
  "use strict";

  const PAUSE = 1000; // milliseconds between two looks at a code that is on its way
  const LOOKS = 20;
  const KEPT = "renkei-points-hold"; // the hold of this browser, until it is used or given back

  class Refused extends Error {
    constructor(code) {
      super(code);
      this.code = code;
    }
  }

  // What a block may ask of the hub.
  function hub(proxy, fetch) {
    async function ask(method, what, asked) {
      const url = `${proxy}/${what}?${new URLSearchParams(asked)}`;
      const answer = await fetch(url, { method, headers: { accept: "application/json" } });
      const told = await answer.json().catch(() => ({}));
      if (!answer.ok) throw new Refused(told.code || String(answer.status));
      return told;
    }
    return {
      points: () => ask("GET", "points", {}),
      use: (points, key) => ask("POST", "holds", { points: String(points), key }),
      look: (hold) => ask("GET", "holds", { hold }),
      giveBack: (hold) => ask("POST", "holds/release", { hold }),
    };
  }

  // The code, once the store has it: it is on its way when it is asked for.
  async function usableCode(shop, points, key, pause) {
    let made = await shop.use(points, key);
    for (let look = 0; look < LOOKS && made.state === "wanted"; look += 1) {
      await pause(PAUSE);
      made = { ...made, ...(await shop.look(made.hold)) };
    }
    if (made.state !== "issued") {
      await shop.giveBack(made.hold).catch(() => undefined);
      throw new Refused("code_not_issued");
    }
    return made;
  }

  // The hold this browser has placed, as long as its points are set aside for it.
  async function keptHold(shop, kept) {
    const hold = kept.getItem(KEPT);
    if (!hold) return null;
    const told = await shop.look(hold).catch((error) => {
      if (error.code === "hold_not_found") return { state: "revoked" };
      throw error;
    });
    if (told.state === "wanted" || told.state === "issued") return hold;
    kept.removeItem(KEPT);
    return null;
  }

  // Where the store takes a code over for this browser (its own shareable link of a discount).
  function linkOf(code, goesTo) {
    return `/discount/${encodeURIComponent(code)}?redirect=${encodeURIComponent(goesTo)}`;
  }

  function sayer(block) {
    const status = block.querySelector("[data-status]");
    return (word) => {
      status.textContent = word ? status.dataset[word] : "";
    };
  }

  async function show(block, shop, say) {
    const told = await shop.points();
    if (!told.signed_in) return;
    if (!told.member) return say("noMember");
    block.querySelector("[data-spendable]").textContent = told.spendable.toLocaleString();
    block.querySelector("[data-pending]").textContent = told.pending.toLocaleString();
    block.querySelector("[data-pending-line]").hidden = told.pending === 0;
    block.querySelector("[data-balance]").hidden = false;
    const form = block.querySelector("[data-form]");
    const hold = await keptHold(shop, localStorage);
    form.elements.points.max = String(told.spendable);
    form.hidden = told.spendable === 0 && !hold;
    block.querySelector("[data-give-back]").hidden = !hold;
  }

  function start(block) {
    const shop = hub(block.dataset.proxy.replace(/\/$/, ""), window.fetch.bind(window));
    const say = sayer(block);
    const form = block.querySelector("[data-form]");
    const wait = (time) => new Promise((done) => setTimeout(done, time));
    let key = crypto.randomUUID();

    function failed(error) {
      say(error.code === "insufficient_points" ? "tooMany" : "failed");
    }

    form.elements.points.addEventListener("input", () => {
      key = crypto.randomUUID(); // another number is another wish; the same one sent twice is not
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("[type=submit]");
      button.disabled = true;
      say("waiting");
      try {
        const made = await usableCode(shop, form.elements.points.valueAsNumber, key, wait);
        localStorage.setItem(KEPT, made.hold);
        window.location.assign(linkOf(made.code, block.dataset.return));
      } catch (error) {
        key = crypto.randomUUID();
        failed(error);
        button.disabled = false;
      }
    });
    block.querySelector("[data-give-back]").addEventListener("click", async () => {
      try {
        await shop.giveBack(localStorage.getItem(KEPT));
      } catch (error) {
        if (error.code !== "hold_not_found") return failed(error);
      }
      localStorage.removeItem(KEPT);
      say("returned");
      await show(block, shop, () => undefined).catch(failed);
    });
    show(block, shop, say).catch(failed);
  }

  if (typeof document !== "undefined") {
    document.querySelectorAll("[data-renkei-points]").forEach(start);
  } else {
    globalThis.renkeiPoints = { hub, keptHold, linkOf, usableCode };
  }
})();
