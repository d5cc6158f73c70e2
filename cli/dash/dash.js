// SPDX-License-Identifier: Apache-2.0
// Everything on this page is there without this script; it gets the page again
// while nobody is busy with it, shows which bytes are which field, and has keys.
"use strict";

const EVERY_MS = 2000;
let field = null;

function mark(n) {
	field = n;
	for (const e of document.querySelectorAll(".hit"))
		e.classList.remove("hit");
	if (n !== null)
		for (const e of document.querySelectorAll(`[data-f="${n}"]`))
			e.classList.add("hit");
}

function fieldOf(e) {
	const at = e.target.closest ? e.target.closest("[data-f]") : null;
	return at ? at.dataset.f : null;
}

document.addEventListener("mouseover", e => {
	const n = fieldOf(e);
	if (n !== null && n !== field)
		mark(n);
});
document.addEventListener("focusin", e => mark(fieldOf(e)));

// What has the focus, found again in the page that takes this one's place.
function place() {
	const e = document.activeElement;
	const all = [...document.querySelectorAll("main a, main [tabindex]")];
	return e && all.includes(e) ? all.indexOf(e) : -1;
}

async function again() {
	const main = document.getElementById("main");
	const chosen = getSelection();
	let stale = document.getElementById("stale");

	if (document.hidden || (chosen && !chosen.isCollapsed))
		return;
	try {
		const r = await fetch(location.pathname, { cache: "no-store" });
		if (!r.ok)
			throw new Error(r.status);
		const doc = new DOMParser().parseFromString(await r.text(), "text/html");
		const fresh = doc.getElementById("main");
		if (fresh.innerHTML !== main.dataset.was) {
			const at = place();
			main.dataset.was = fresh.innerHTML;
			main.replaceChildren(...fresh.childNodes);
			if (at >= 0) {
				const all = document.querySelectorAll("main a, main [tabindex]");
				if (all[at])
					all[at].focus({ preventScroll: true });
			}
			mark(field);
		}
		if (stale)
			stale.remove();
	} catch (e) {
		if (!stale) {
			stale = document.createElement("p");
			stale.id = "stale";
			stale.setAttribute("role", "alert");
			stale.textContent = "donjon dash does not answer any more; this page is old.";
			document.body.append(stale);
		}
	}
}
setInterval(again, EVERY_MS);

function step(by) {
	const rows = [...document.querySelectorAll("[data-row]")];
	const at = rows.indexOf(document.activeElement);
	const to = at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by;

	if (rows[to])
		rows[to].focus();
}

document.addEventListener("keydown", e => {
	if (e.ctrlKey || e.altKey || e.metaKey)
		return;
	const part = document.querySelectorAll(".parts a")[Number(e.key) - 1];

	if (e.key === "j")
		step(1);
	else if (e.key === "k")
		step(-1);
	else if (e.key === "o")
		location.pathname = "/";
	else if (/^[1-4]$/.test(e.key) && part)
		part.click();
	else
		return;
	e.preventDefault();
});
