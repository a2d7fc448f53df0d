/* The page of a dependency graph. Names come from binaries: textContent only. */
"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const files = data.files, kinds = data.kinds, T = data.totals;
const $ = id => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

/* --- Small helpers --- */

/* el("p.class", {attr}, child, ...): strings become text, never markup. */
function el(spec, attrs, ...children) {
	const [tag, ...classes] = spec.split(".");
	const e = document.createElement(tag);
	if (classes.length) e.className = classes.join(" ");
	for (const k in attrs || {}) {
		if (k === "on") for (const ev in attrs.on) e.addEventListener(ev, attrs.on[ev]);
		else e.setAttribute(k, attrs[k]);
	}
	e.append(...children.filter(c => c !== null && c !== undefined));
	return e;
}
function sv(tag, attrs, text) {
	const e = document.createElementNS(SVG, tag);
	for (const k in attrs) e.setAttribute(k, attrs[k]);
	if (text !== undefined) e.textContent = text;
	return e;
}
/* What a browser would draw in another order, or not at all, is spelled out. */
const hidden = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\u2028\u2029\ufeff]/g;
const safe = s => String(s).replace(hidden, c => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
const base = p => p.slice(p.lastIndexOf("/") + 1) || p;
const int = n => n.toLocaleString("en-US");
const plural = (n, one, many) => `${int(n)} ${n === 1 ? one : many || one + "s"}`;
function bytes(n) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
	let i = 0;
	while (n >= 1024 && i < units.length - 1) { n /= 1024; i++; }
	return [i ? n.toFixed(1) : String(n), units[i]];
}
const size = n => bytes(n).join("\u00a0");
const portText = f => f.rel === "none" ? "no port known" :
	(f.rel === "port" ? "" : f.rel + ": ") + safe(f.port || "?") + (f.portv ? " " + safe(f.portv) : "");
const statusText = f => f.root ? "source" : f.loaded ? "loaded" : "run time";

/* --- What follows from the rows --- */

const edges = data.edges.map(([from, to, kind, name, how, address, tried], id) =>
	({ id, from, to, kind: kinds[kind], name, how, address, tried: Array.isArray(tried) ? tried : [],
		places: Array.isArray(tried) ? tried.length : tried || 0,
	   loads: data.loads[kind] }));
files.forEach((f, i) => {
	f.id = i; f.out = []; f.in = []; f.name = safe(base(f.path));
	f.text = safe([f.path, f.soname || "", f.pkg || "", f.port || "", portText(f)].join("\n")).toLowerCase();
});
const missing = new Map();
for (const e of edges) {
	files[e.from].out.push(e);
	if (e.to >= 0) files[e.to].in.push(e);
	else if (e.loads || e.kind === "dlopen") {
		const m = missing.get(e.name) || { name: e.name, edges: [], must: false };
		m.edges.push(e);
		m.must = m.must || e.loads;
		missing.set(e.name, m);
	}
}
function whyChain(f) {
	const chain = [];
	for (let at = f; at.via >= 0 && chain.length <= files.length;) {
		const e = edges[at.via];
		chain.unshift(e);
		at = files[e.from];
	}
	return chain;
}

/* --- Head and figures --- */

function head() {
	const names = data.inputs.map(i => safe(base(i.path)));
	$("title").textContent = names.slice(0, 3).join(", ") + (names.length > 3 ? ` and ${names.length - 3} more` : "") || "Dependency graph";
	$("subtitle").textContent = data.inputs.slice(0, 3).map(i => safe(i.path)).join("  \u00b7  ");
	if (data.state !== "done")
		$("subtitle").after(el("p.notice", {}, `This run is ${safe(data.state)}: what it had not written yet is missing here.`));
}
function figure(name, value, unit, how) {
	return el("li", {}, el("span.name", {}, name),
		el("span.value", {}, value, unit ? el("small", {}, " " + unit) : null), el("span.how", {}, how));
}
function figures() {
	const [n, unit] = bytes(T.loaded_bytes);
	const lost = [...missing.values()].filter(m => m.must).length;
	const have = rel => files.filter(f => f.loaded && f.rel === rel).length;
	const unseen = T.open_unknown_files - T.loaded_open_unknown_files;
	$("figures").append(
		figure("Files loaded at start", int(T.loaded_files), "",
			`The source and what the loader maps for it, over ${plural(T.edges, "edge")}.` +
			(T.run_time_files ? ` ${int(T.run_time_files)} more may be opened at run time.` : "")),
		figure("Loaded", n, unit, `Sum of the loadable segments of these files; ${size(T.file_bytes)} on disk.`),
		figure("Not found", int(lost), lost === 1 ? "library" : "libraries",
			lost ? "Each place that was tried is listed below." : "Every library that the loader needs is there."),
		T.loaded_open_unknown_files === T.loaded_files ?
			figure("Open dlopen sites", "?", "", "Calls of dlopen were not looked for: what is opened at run time is not in this graph.") :
			figure("Open dlopen sites", int(T.open_sites), `in ${plural(T.open_files, "file")}`,
			(T.loaded_open_unknown_files ? `${plural(T.loaded_open_unknown_files, "file")} not looked at. ` : "") + `Calls whose argument is not constant. ${plural(T.dlopen_edges, "call")} with a known name ${T.dlopen_edges === 1 ? "is an edge" : "are edges"}.` +
			(unseen ? " The files opened at run time were not looked at." : "")),
		figure("No port known", int(T.loaded_no_port), `of ${int(T.loaded_files)}`,
			`Of the files loaded at start, ${int(have("port"))} are ported to Unikraft, ${int(have("stand-in"))} have a stand-in, ${int(have("core"))} ${have("core") === 1 ? "is" : "are"} part of it.`));
}

/* --- Findings --- */

const link = (f, text) => el("button.link", { type: "button", on: { click: () => pick(f, true) } }, text || f.name);
function finding(weight, title, text, summary, items) {
	const word = { high: "\u25b2 High", medium: "\u25c6 Medium", note: "\u25cf Note", good: "\u2713 Good" }[weight];
	const body = el("div", {}, el("h3", {}, title), text ? el("p", {}, text) : null);
	if (items && items.length) {
		const list = el("ul");
		const details = el("details", {}, el("summary", {}, summary), list);
		/* Long lists are made when somebody looks. */
		const fill = () => { if (!list.firstChild) list.append(...items.map(i => el("li", {}, ...[].concat(i())))); };
		details.addEventListener("toggle", fill);
		addEventListener("beforeprint", () => { fill(); details.open = true; });
		body.append(details);
	}
	$("findings").append(el(`div.finding.${weight}`, {}, el("span.weight", {}, word), body));
}
const triedItems = m => m.edges.flatMap(e => e.tried.map(t => () => [el("code", {}, safe(t[0])), ` \u2014 ${safe(t[1])}: ${safe(t[2])}`]));
const wanters = m => [...new Set(m.edges.map(e => files[e.from]))];
function findings() {
	const gone = [...missing.values()], must = gone.filter(m => m.must), late = gone.filter(m => !m.must);
	for (const m of must.slice(0, 12)) {
		const who = wanters(m), tried = triedItems(m);
		finding("high", `${safe(m.name)} was not found`,
			"The loader needs it: wanted by " + who.slice(0, 4).map(f => f.name).join(", ") +
			(who.length > 4 ? ` and ${who.length - 4} more` : "") + ".",
			`${plural(tried.length, "place")} tried, ${plural(who.length, "file")} affected`,
			tried.concat(who.map(f => () => ["wanted by ", link(f, safe(f.path))])));
	}
	if (must.length > 12)
		finding("high", `${int(must.length - 12)} more libraries were not found`, "The loader needs them, too.", "Which",
			must.slice(12).map(m => () => [el("code", {}, safe(m.name)), " \u2014 wanted by ", ...wanters(m).flatMap(f => [link(f), " "])]));
	if (late.length)
		finding("medium", `${plural(late.length, "library", "libraries")} that the code opens at run time ${late.length === 1 ? "is" : "are"} not here`,
			late.slice(0, 5).map(m => safe(m.name)).join(", ") + (late.length > 5 ? ` and ${late.length - 5} more` : "") +
			". Start-up does not need them; what they would add is not in this graph.",
			"Who opens them",
			late.map(m => () => [el("code", {}, safe(m.name)), " \u2014 opened by ", ...wanters(m).flatMap(f => [link(f), " "]),
				`\u2014 ${plural(m.edges.reduce((n, e) => n + e.places, 0), "place")} tried`]));
	const open = files.filter(f => f.open > 0).sort((a, b) => b.open - a.open);
	if (open.length)
		finding("medium", `${plural(T.open_sites, "dlopen site")} in ${plural(open.length, "file")} may load anything`,
			"Their argument is not constant: what they open depends on data or on the user. The graph is complete only up to them.",
			"Files with open sites", open.map(f => () => [link(f, safe(f.path)), ` \u2014 ${plural(f.open, "site")}`]));
	const none = files.filter(f => f.loaded && f.rel === "none").sort((a, b) => b.lb - a.lb);
	if (none.length)
		finding("medium", `No port known for ${int(none.length)} of ${plural(T.loaded_files, "file")} that are loaded`,
			`They take ${size(none.reduce((s, f) => s + f.lb, 0))} loaded. Largest: ${none.slice(0, 3).map(f => f.name).join(", ")}.`,
			"Files without port", none.map(f => () => [link(f, safe(f.path)), ` \u2014 ${size(f.lb)}`]));
	const nonelate = files.filter(f => !f.loaded && f.rel === "none");
	if (nonelate.length)
		finding("note", `No port known for ${int(nonelate.length)} of ${plural(T.run_time_files, "file")} that may be opened at run time`,
			"Plug-ins and candidates: a port needs those that the application really opens.", "Which",
			nonelate.map(f => () => link(f, safe(f.path))));
	const costly = files.filter(f => !f.root && f.loaded).sort((a, b) => b.cb - a.cb).slice(0, 10);
	if (costly.length) {
		const c = costly[0];
		finding("note", `${c.name} is the most expensive dependency: ${size(c.cb)}`,
			`Without it, ${plural(c.cf, "file")} and ${share(c.cb)} of the loaded bytes would go` +
			(c.cs >= 0 ? `, and ${plural(c.cs, "symbol")} that only it reaches.` : "."),
			"The ten most expensive", costly.map(f => () => [link(f), ` \u2014 ${size(f.cb)}, ${plural(f.cf, "file")}`]));
	}
	const loops = new Map();
	for (const f of files) loops.set(f.cycle, (loops.get(f.cycle) || []).concat(f));
	const cycles = [...loops.values()].filter(c => c.length > 1);
	if (cycles.length)
		finding("note", `${plural(cycles.length, "cycle")} of files that need each other`,
			"None of a cycle can be linked without the others.", "The cycles",
			cycles.map(c => () => c.flatMap((f, i) => i ? [", ", link(f)] : [link(f)])));
	const notes = data.warnings.filter(w => w.code !== "not-found");
	if (notes.length)
		finding("note", plural(notes.length, "warning"), "", "All warnings",
			notes.map(w => () => [el("code", {}, safe(w.subject || w.code)), ` \u2014 ${safe(w.text)}`]));
	if (!$("findings").firstChild)
		finding("good", "Nothing stands in the way", "Everything was found and has a port" +
			(T.open_unknown_files ? "." : ", and no open dlopen site remains."));
}
const share = n => T.loaded_bytes ? (100 * n / T.loaded_bytes).toFixed(1) + "\u00a0%" : "\u2013";

/* --- The graph --- */

const svg = document.querySelector("#canvas svg.graph");
const nodes = [], drawn = [];
let zoom = null, canvas = null, selected = null;

function legend() {
	const shapes = [
		["port", "M4 3h26a3 3 0 0 1 3 3v6a3 3 0 0 1-3 3H4a3 3 0 0 1-3-3V6a3 3 0 0 1 3-3Z", "ported to Unikraft"],
		["stand-in", "M4 3h26a3 3 0 0 1 3 3v6a3 3 0 0 1-3 3H4a3 3 0 0 1-3-3V6a3 3 0 0 1 3-3Z", "stand-in: another implementation"],
		["core", "M1 3h32v12H1ZM5 3v12M29 3v12", "part of Unikraft"],
		["no-port", "M6 2h22l5 4v6l-5 4H6l-5-4V6Z", "no port known (cut corners)"],
		["not-found", "M7 2h20l6 7-6 7H7L1 9Z", "not found (pointed)"]];
	for (const [cls, d, text] of shapes) {
		const s = sv("svg", { class: "graph", viewBox: "0 0 34 18", "aria-hidden": "true" });
		const g = sv("g", { class: "n " + cls });
		g.append(sv("path", { class: "s", d }));
		s.append(g);
		$("legend").append(el("li", {}, s, text));
	}
	for (const [cls, text] of [["needs", "loaded at start"], ["opens", "dlopen"], ["maybe", "candidate or plug-in"]]) {
		const s = sv("svg", { class: "graph", viewBox: "0 0 34 18", "aria-hidden": "true" });
		s.append(sv("path", { class: "e " + cls, d: "M1 9H32", "stroke-width": 2 }));
		$("legend").append(el("li", {}, s, text));
	}
}
function fit() {
	const box = svg.viewBox.baseVal, area = canvas.getBoundingClientRect();
	if (!area.width || !area.height) return;
	const k = Math.min(1.4, 0.98 * Math.min(area.width / box.width, area.height / box.height));
	d3.select(svg).call(zoom.transform, d3.zoomIdentity
		.translate((area.width - box.width * k) / 2 - box.x * k, (area.height - box.height * k) / 2 - box.y * k).scale(k));
}
function graph() {
	$("graph-lead").textContent = data.note ? safe(data.note[0].toUpperCase() + data.note.slice(1)) + "." : "";
	if (!svg) {
		$("graph-tools").remove();
		$("graph-body").replaceChildren(el("p.notice", {}, safe(data.no_layout || "There is no layout of this graph.") + ". The treemap and the table below hold the same files."));
		$("graph-body").style.display = "block";
		$("graph-body").style.height = $("graph-body").style.minHeight = "auto";
		return;
	}
	legend();
	canvas = $("canvas");
	$("graph-lead").textContent += " A larger box costs more. Edges that a longer way implies anyway are shown for the file that is selected, and by \u201cAll edges\u201d.";
	const all = svg.querySelector(".all");
	svg.querySelectorAll(".n").forEach(g => { nodes[+g.dataset.n] = g; });
	svg.querySelectorAll(".e").forEach(p => drawn.push({ p, f: +p.dataset.f, t: +p.dataset.t }));
	svg.removeAttribute("role");
	/* Zooming sets a transform; the view box would fight with it. */
	const view = svg.getAttribute("viewBox");
	/* A small graph needs no high panel. */
	const wanted = svg.viewBox.baseVal.height * Math.min(1.4, canvas.clientWidth / svg.viewBox.baseVal.width) + 60;
	if (wanted < canvas.clientHeight && innerWidth > 900) {
		$("graph-body").style.minHeight = "340px";
		$("graph-body").style.height = `${Math.max(340, wanted)}px`;
	}
	zoom = d3.zoom().scaleExtent([0.02, 6]).on("zoom", ev => all.setAttribute("transform", (d3.event || ev).transform)); /* d3 5 or later */
	const screen = () => { svg.removeAttribute("viewBox"); };
	const sheet = () => { svg.setAttribute("viewBox", view); all.removeAttribute("transform"); };
	const restore = () => { screen(); d3.select(svg).call(zoom.transform, d3.zoomTransform(svg)); };
	addEventListener("beforeprint", sheet);
	addEventListener("afterprint", restore);
	d3.select(svg).call(zoom).on("dblclick.zoom", null);
	fitNow = () => { svg.setAttribute("viewBox", view); fit(); screen(); };
	fitNow();
	svg.addEventListener("click", ev => {
		const g = ev.target.closest && ev.target.closest(".n");
		if (g) pickNode(+g.dataset.n, false);
		else clearPick();
	});
	const by = (k) => d3.select(svg).call(zoom.scaleBy, k);
	$("zoom-in").onclick = () => by(1.5);
	$("zoom-out").onclick = () => by(1 / 1.5);
	$("zoom-fit").onclick = () => fitNow();
	$("implied").onclick = () => $("implied").setAttribute("aria-pressed", svg.classList.toggle("all-edges"));
	canvas.addEventListener("keydown", ev => {
		const step = 80, move = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[ev.key];
		if (move) d3.select(svg).call(zoom.translateBy, move[0] / d3.zoomTransform(svg).k, move[1] / d3.zoomTransform(svg).k);
		else if (ev.key === "+" || ev.key === "=") by(1.3);
		else if (ev.key === "-") by(1 / 1.3);
		else if (ev.key === "0") fitNow();
		else if (ev.key === "Escape") clearPick();
		else return;
		ev.preventDefault();
	});
	$("search").addEventListener("input", search);
	$("search").addEventListener("keydown", ev => { if (ev.key === "Escape") { $("search").value = ""; search(); } });
}
let fitNow = () => {};
function center(g) {
	const area = canvas.getBoundingClientRect();
	const [x, y] = g.getAttribute("transform").match(/-?[\d.]+/g).map(Number);
	const k = Math.max(d3.zoomTransform(svg).k, 0.75);
	d3.select(svg).call(zoom.transform, d3.zoomIdentity.translate(area.width / 2 - x * k, area.height / 2 - y * k).scale(k));
}
function clearPick() {
	if (!svg) return;
	selected = null;
	svg.classList.remove("picked");
	svg.querySelectorAll(".near,.sel,.chain").forEach(e => e.classList.remove("near", "sel", "chain"));
	idle();
}
function mark(n, chain) {
	clearPick();
	selected = n;
	svg.classList.add("picked");
	nodes[n].classList.add("sel");
	const steps = new Set(chain.map(e => files[e.from].node + ">" + files[e.to].node));
	for (const e of drawn) {
		const on = steps.has(e.f + ">" + e.t);
		if (on) { e.p.classList.add("chain"); nodes[e.f].classList.add("near"); nodes[e.t].classList.add("near"); }
		if (e.f !== n && e.t !== n) continue;
		e.p.classList.add("near");
		nodes[e.f === n ? e.t : e.f].classList.add("near");
	}
}
function pick(f, move) {
	if (svg) {
		mark(f.node, whyChain(f));
		if (move) {
			center(nodes[f.node]);
			$("graph-section").scrollIntoView({ block: "start" });
		}
	}
	details(f);
}
function pickNode(n, move) {
	const members = files.filter(f => f.node === n);
	if (members.length === 1) return pick(members[0], move);
	mark(n, members.length ? whyChain(members[0]) : []);
	if (move) center(nodes[n]);
	members.length ? group(n, members) : lost(n);
}

/* --- The side panel --- */

const panel = (...content) => { if (svg) $("side").replaceChildren(...content.filter(c => c)); };
function idle() {
	panel(el("h3", {}, "Details"), el("p.empty", {}, "Select a file in the graph, in a list or in the table: this shows its path, package, port and cost, who needs it, and the shortest way by which it is reached."));
}
function listOf(title, items, limit) {
	if (!items.length) return null;
	const list = el("ul"), add = (a, b) => list.append(...items.slice(a, b).map(i => el("li", {}, ...[].concat(i()))));
	add(0, limit);
	const wrap = el("div", {}, el("h4", {}, `${title} (${int(items.length)})`), list);
	if (items.length > limit) {
		const more = el("button.link", { type: "button", on: { click: () => { add(limit); more.remove(); } } }, `show ${int(items.length - limit)} more`);
		wrap.append(more);
	}
	return wrap;
}
function edgeText(e) {
	if (e.kind === "needed") return "";
	return ` \u2014 ${e.kind}` + (e.how ? `: ${safe(e.how)}` : "") + (e.address ? ` at 0x${e.address.toString(16)}` : "");
}
function fields(rows) {
	const dl = el("dl");
	for (const [k, v] of rows) if (v !== null && v !== undefined && v !== "") dl.append(el("dt", {}, k), el("dd", {}, v));
	return dl;
}
function details(f) {
	const chain = whyChain(f);
	const why = el("ol.chain");
	if (chain.length) why.append(el("li", {}, link(files[chain[0].from])));
	for (const e of chain) why.append(el("li", {}, link(files[e.to]), el("span.how", {}, edgeText(e))));
	panel(el("h3", {}, f.name), el("span.path", {}, safe(f.path)), fields([
		["Status", statusText(f)],
		["Port", portText(f) + (f.note ? ` (${safe(f.note)})` : "")],
		["Package", f.pkg ? safe(f.pkg) + (f.pkgv ? " " + safe(f.pkgv) : "") : "not known"],
		["Loaded", size(f.lb)],
		["Adds", `${size(f.cb)} in ${plural(f.cf, "file")}` + (f.cs >= 0 ? `, ${plural(f.cs, "symbol")}` : "")],
		["Brought by", f.dom >= 0 ? link(files[f.dom]) : f.root ? "you" : "more than one"],
		["Open", f.open < 0 ? "not looked for" : f.open ? plural(f.open, "dlopen site") + " not constant" : ""],
		["Build-id", f.build ? el("code", {}, safe(f.build)) : ""]]),
		chain.length ? el("h4", {}, "Why it is here") : null, chain.length ? why : null,
		listOf("Needs", f.out.map(e => () => e.to >= 0 ? [link(files[e.to]), edgeText(e)] : [`${safe(e.name)} (not found)`, edgeText(e)]), 12),
		listOf("Needed by", f.in.map(e => () => [link(files[e.from]), edgeText(e)]), 12));
}
function group(n, members) {
	const sum = members.reduce((s, f) => s + f.lb, 0), none = members.filter(f => f.rel === "none").length;
	panel(el("h3", {}, safe(data.nodes[n])), fields([
		["Files", int(members.length)], ["Loaded", size(sum)],
		["Port", none ? `${int(none)} of ${int(members.length)} without port` : "all ported or stood in for"]]),
		listOf("Files", members.slice().sort((a, b) => b.lb - a.lb).map(f => () => [link(f), ` \u2014 ${size(f.lb)}`]), 30));
}
function lost(n) {
	const m = missing.get(data.nodes[n]);
	panel(el("h3", {}, safe(data.nodes[n])), el("p", {}, m && !m.must ? "Opened at run time, and not found." : "Not found."),
		m ? listOf("Wanted by", m.edges.map(e => () => [link(files[e.from]), edgeText(e)]), 12) : null,
		m ? listOf("Places tried", m.edges.flatMap(e => e.tried.map(t => () => [el("code", {}, safe(t[0])), ` \u2014 ${safe(t[1])}: ${safe(t[2])}`])), 24) : null);
}
function search() {
	const q = $("search").value.trim().toLowerCase();
	svg.querySelectorAll(".hit").forEach(g => g.classList.remove("hit"));
	svg.classList.toggle("found", !!q);
	$("matches-count").textContent = "";
	if (!q) return selected === null ? idle() : undefined;
	clearPick();
	const hits = files.filter(f => f.text.includes(q));
	const gone = [...missing.keys()].filter(n => safe(n).toLowerCase().includes(q));
	hits.forEach(f => nodes[f.node].classList.add("hit"));
	gone.forEach(n => { const i = data.nodes.indexOf(n); if (nodes[i]) nodes[i].classList.add("hit"); });
	$("matches-count").textContent = plural(hits.length + gone.length, "match", "matches");
	panel(el("h3", {}, "Matches"),
		listOf("Files", hits.map(f => () => [link(f), ` \u2014 ${size(f.lb)}`]), 40),
		listOf("Not found", gone.map(n => () => safe(n)), 40),
		hits.length + gone.length ? null : el("p.empty", {}, "No file, package or port has this in its name."));
}

/* --- Treemap: files inside what alone brings them --- */

function treemap() {
	const W = 1400, H = 620, kids = files.map(() => []), tops = [];
	for (const f of files) if (f.loaded) (f.dom >= 0 ? kids[f.dom] : tops).push(f);
	const build = f => ({ f, children: kids[f.id].length ? [{ f, own: true }, ...kids[f.id].map(build)] : null });
	const root = d3.hierarchy({ children: tops.map(build) })
		.sum(d => d.f && (d.own || !d.children) ? d.f.lb : 0).sort((a, b) => b.value - a.value);
	if (!root.value) { $("treemap-section").remove(); return; }
	d3.treemap().size([W, H]).round(true).paddingInner(1).paddingOuter(2)
		.paddingTop(d => d.depth && d.x1 - d.x0 > 50 && d.y1 - d.y0 > 30 ? 15 : 2)(root);
	const s = sv("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": "Treemap of loaded bytes; the table of files has the same numbers" });
	const hatch = sv("pattern", { id: "hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse" });
	hatch.append(sv("rect", { width: 8, height: 8 }), sv("path", { d: "M-2 10L10-2M-2 2L2-2M6 10L10 6" }));
	const defs = sv("defs", {});
	defs.append(hatch);
	s.append(defs);
	const fits = (text, width, per) => { const n = Math.floor((width - 8) / per); return text.length <= n ? text : n > 4 ? text.slice(0, n - 1) + "\u2026" : ""; };
	root.each(d => {
		const w = d.x1 - d.x0, h = d.y1 - d.y0;
		if (!d.depth || w < 2 || h < 2) return;
		const f = d.data.f;
		if (d.children) {
			s.append(sv("rect", { class: "frame", x: d.x0, y: d.y0, width: w, height: h, rx: 3 }));
			const t = w > 50 && h > 30 ? fits(`${f.name}: ${size(d.value)} with what only it brings`, w, 5.9) : "";
			if (t) s.append(sv("text", { class: "head", x: d.x0 + 5, y: d.y0 + 11 }, t));
			return;
		}
		const c = sv("rect", { class: "cell " + f.rel, x: d.x0, y: d.y0, width: w, height: h, rx: 2 });
		c.append(sv("title", {}, `${f.name}\n${size(f.lb)} loaded, adds ${size(f.cb)}\n${portText(f)}`));
		c.addEventListener("click", () => pick(f, true));
		s.append(c);
		const t = h > 15 ? fits(f.name, w, 6.4) : "";
		if (t) s.append(sv("text", { x: d.x0 + 4, y: d.y0 + 12.5 }, t));
		if (t && h > 30 && w > 60) s.append(sv("text", { class: "head", x: d.x0 + 4, y: d.y0 + 26 }, fits(size(f.lb), w, 6)));
	});
	$("treemap").append(s);
}

/* --- The table --- */

const columns = [
	{ name: "File", key: f => f.name.toLowerCase(), cell: f => [link(f), el("small", {}, safe(f.path))], cls: "name" },
	{ name: "Status", key: statusText, cell: f => [statusText(f)] },
	{ name: "Loaded", key: f => f.lb, cell: f => [size(f.lb)], num: true },
	{ name: "Adds", key: f => f.cb, cell: f => [size(f.cb)], num: true },
	{ name: "Files", key: f => f.cf, cell: f => [int(f.cf)], num: true },
	{ name: "Needs", key: f => f.out.length, cell: f => [int(f.out.length)], num: true },
	{ name: "Needed by", key: f => f.in.length, cell: f => [int(f.in.length)], num: true },
	{ name: "Open", key: f => f.open, cell: f => [f.open < 0 ? "?" : f.open ? int(f.open) : ""], num: true },
	{ name: "Port", key: portText, cell: f => [el(`span.badge.${f.rel}`, {}, portText(f))] },
	{ name: "Package", key: f => f.pkg || "", cell: f => [safe(f.pkg || "")] },
];
const shows = [
	["All files", () => true], ["Without port", f => f.rel === "none"], ["With a port or stand-in", f => f.rel !== "none"],
	["Loaded at start", f => f.loaded], ["Opened at run time", f => !f.loaded], ["With open dlopen sites", f => f.open > 0],
];
const sorting = { column: 3, down: true };
const CHUNK = 300;
let limit = CHUNK;

function rows() {
	const q = $("filter").value.trim().toLowerCase(), show = shows[$("show").selectedIndex][1], key = columns[sorting.column].key;
	const list = files.filter(f => show(f) && (!q || f.text.includes(q)));
	list.sort((a, b) => {
		const x = key(a), y = key(b);
		return (x < y ? -1 : x > y ? 1 : a.id - b.id) * (sorting.down && x !== y ? -1 : 1);
	});
	const body = $("table").tBodies[0];
	body.replaceChildren(...list.slice(0, limit).map(f => el("tr", {}, ...columns.map(c =>
		el("td" + (c.num ? ".num" : c.cls ? "." + c.cls : ""), {}, ...c.cell(f))))));
	$("rows-count").textContent = list.length === files.length ? plural(list.length, "file") : `${int(list.length)} of ${plural(files.length, "file")}`;
	$("more").replaceChildren();
	if (list.length > limit)
		$("more").append(el("button", { type: "button", on: { click: () => { limit = Infinity; rows(); } } }, `Show all ${int(list.length)} rows`));
	[...$("table").tHead.rows[0].cells].forEach((th, i) =>
		th.setAttribute("aria-sort", i !== sorting.column ? "none" : sorting.down ? "descending" : "ascending"));
}
function table() {
	const tr = el("tr");
	columns.forEach((c, i) => tr.append(el("th" + (c.num ? ".num" : ""), { scope: "col" }, el("button", { type: "button", on: { click: () => {
		sorting.down = sorting.column === i ? !sorting.down : !!c.num;
		sorting.column = i;
		rows();
	} } }, c.name))));
	$("table").tHead.append(tr);
	$("show").append(...shows.map(s => el("option", {}, s[0])));
	$("filter").addEventListener("input", rows);
	$("show").addEventListener("change", rows);
	addEventListener("beforeprint", () => { if (limit !== Infinity) { limit = Infinity; rows(); } });
	rows();
}

/* --- How it was obtained --- */

function how() {
	const add = (k, ...v) => $("how").append(el("dt", {}, k), el("dd", {}, ...v));
	const quote = s => /^[\w@%+=:,./-]+$/.test(s) ? s : "'" + s.replace(/'/g, "'\\''") + "'";
	add("Command", el("code", {}, data.command.map(a => safe(quote(a))).join(" ")));
	add("Tool", `uniscope ${safe(data.tool)}`);
	data.inputs.slice(0, 50).forEach(i => add("Input", el("code", {}, safe(i.path)), ` (${safe(i.kind)}, ${size(i.bytes)})`,
		i.sha256 ? el("small", {}, el("br"), "SHA-256 ", el("code", {}, safe(i.sha256))) : null));
	if (data.inputs.length > 50) add("", `and ${int(data.inputs.length - 50)} more inputs`);
	add("Counted", `${plural(T.files, "file")}, ${plural(T.edges, "edge")}, ${plural(T.packages, "package")}, ` +
		`${plural(data.warnings.length, "warning")}; nothing was run.`);
}

document.documentElement.classList.add("js");
for (const part of [head, figures, findings, graph, idle, treemap, table, how]) part();
document.documentElement.dataset.ready = "true";
})();
