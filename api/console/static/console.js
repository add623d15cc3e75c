// Keeps a page current: when the server says that something changed, the page reads itself again and exchanges the parts that
// differ. A part in which somebody is writing is left alone. Without this script every page works and is reloaded by hand.
"use strict";
(() => {
  const source = document.body.dataset.events;
  const said = document.getElementById("live-state");
  if (!source) return;
  let busy = false, again = false, poll = 0;
  const say = (text) => { if (said && said.textContent !== text) said.textContent = text; };
  // What the server last sent for each part: not what is on the page, where somebody may have opened or written something.
  const sent = new Map();
  const parts = (root) => root.querySelectorAll("[data-live]");
  // Each form has a key and a token of its own; they are no change worth showing.
  const told = (part) => part.outerHTML.replace(/ name="key" value="[^"]*"/g, "").replace(/<small>[^<]* ago<\/small>/g, "");
  parts(document).forEach((part) => sent.set(part.dataset.live, told(part)));

  const written = (part) =>
    part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select, button, summary")
    || [...part.querySelectorAll("input:not([type=hidden]), textarea")].some((field) => field.value !== field.defaultValue);

  async function refresh() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected && new URL(answer.url).pathname.endsWith("/sign-in")) { say("You are signed out: reload to sign in."); return; }
      if (!answer.ok) { say("The page could not be read again; it is tried once more."); return; }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      parts(fresh).forEach((part) => {
        const name = part.dataset.live, text = told(part);
        const old = document.querySelector(`[data-live="${CSS.escape(name)}"]`);
        if (!old || sent.get(name) === text) return;
        if (written(old)) { say("Something changed; it is shown when you are done writing, or after a reload."); return; }
        const open = [...old.querySelectorAll("details")].map((each) => each.open);
        old.replaceWith(document.adoptNode(part));
        [...part.querySelectorAll("details")].forEach((each, at) => { if (open[at]) each.open = true; });
        sent.set(name, text);
      });
      if (!fresh.body.dataset.events) { stream.close(); say("It has ended."); }
    } catch { say("The server does not answer; it is tried again."); }
    finally {
      busy = false;
      if (again) { again = false; setTimeout(refresh, 300); }
    }
  }

  let timer = 0;
  const soon = () => { clearTimeout(timer); timer = setTimeout(refresh, 150); };
  const stream = new EventSource(source);
  stream.addEventListener("open", () => { say("Live."); clearInterval(poll); poll = 0; });
  stream.addEventListener("change", soon);
  stream.addEventListener("end", () => { stream.close(); soon(); });
  stream.addEventListener("error", () => {
    say("Not live: the page is read again every 10 seconds.");
    if (!poll) poll = setInterval(refresh, 10000);
  });
  addEventListener("pagehide", () => stream.close());
})();
